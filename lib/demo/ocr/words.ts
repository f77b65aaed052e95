/** The words that are rendered and read: common English ones, from two letters to fourteen, some capitalized. */
export const words: readonly string[] = `
  time year people way day man thing woman life child world school state family student group country problem hand part
  place case week company system program question work government number night point home water room mother area money
  story fact month lot right study book eye job word business issue side kind head house service friend father power
  hour game line end member law car city community name president team minute idea body information back parent face
  others level office door health person art war history party result change morning reason research girl moment air
  teacher force education it we on of and but yes zoo fox jump quick brown lazy dog river mountain ocean forest
  bridge journey kitchen garden winter summer autumn spring yellow orange purple violet silver golden umbrella
  vegetable telephone dictionary university temperature engineering mathematics architecture responsibility
  London Paris Berlin Tokyo Sydney Amazon Europe Africa Monday Tuesday Friday Sunday January April August October
  Michael Susan Robert Elizabeth Mr Dr The This Where Which Hello Thank Please Quality Zero Exit Open Closed
  Welcome Station Airport Hotel Museum Market Library Hospital Restaurant Pharmacy
  Bakery Theatre Harbour Castle Tower Square Street Avenue Platform Ticket Passport Luggage
  Wednesday Thursday Saturday December
  `
  .trim()
  .split(/\s+/);
