// Every phrase about bicycles and locks as things: registered, changed, commanded.

export default {
  "bikes.title": "Fietsen en sloten",

  "office.bikes": "Registreren, hernoemen, een ander slot op een fiets zetten",

  "bikes.code": "Code op de sticker",
  "bikes.label": "Naam",
  "bikes.plan": "Tarief",
  "bikes.plan.how": "Wat een rit erop kost, bij naam",
  "bikes.find": "Zoek een code",
  "bikes.service": "Dienst",
  "bikes.in": "in dienst",
  "bikes.out": "buiten dienst sinds {when}",
  "bikes.take_out": "Buiten dienst stellen",
  "bikes.back": "Weer in dienst",
  "bikes.reason": "Waarom",
  "bikes.out.how": "Niemand kan hem dan claimen; een lopende rit gaat door",
  "bikes.later": "Mag later komen",
  "bikes.none": "Nog geen fiets.",
  "bikes.new": "Nieuwe fiets",
  "bikes.fit": "Een ander slot voor {code}",
  "bikes.fit.button": "Verder",
  "bikes.fit.how": "Niets: alleen het slot eraf halen dat erop zit",
  "bikes.fit.sure": "Open claims van het slot dat op {code} zit vervallen. Verder gaan?",
  "bikes.off.sure": "Moet {code} geen slot meer hebben? De open claims vervallen.",
  "bikes.locks": "Sloten die {code} had",
  "bikes.no_locks": "Er zat nooit een slot op.",

  "locks.new": "Een slot registreren",
  "locks.key": "De geheime sleutel ervan",
  "locks.key.how": "43 tekens, zoals op de papieren van de maker; `ringslot provision` maakt en registreert er zelf een",
  "locks.group.how": "8 hexadecimale cijfers, als het een groep draagt",
  "locks.papers": "Wat slot {lock_id} moet krijgen",

  "lock.locate": "Laat zeggen waar het is",
  "lock.asked_says": "Dat doet het zodra het weer van zich laat horen.",

  "command.locate": "plaats",

  "lock.board.change": "Het bord wijzigen",
  "lock.board.how": "Welke versies ervoor zijn; het slot zelf neemt geen andere",

  "claims.none": "Geen claim.",

  "floor.title": "Tokens die het niet meer aanneemt",
  "floor.why": "Een telefoon houdt zijn token als een claim voorbij is. Het slot weigert alles onder zijn ondergrens, vanaf de volgende keer dat het van zich laat horen.",
  "floor.sweep": "De tokens van alle voorbije claims beëindigen",
  "floor.by_hand": "Een ondergrens met de hand verhogen",
  "floor.ride": "Epoche van claims",
  "floor.ride.how": "Ook open claims eronder vervallen",
  "floor.master": "Epoche van tokens van monteurs",
  "floor.master.how": "Hun tokens eronder vervallen",
  "floor.raise": "Verhogen",
  "floor.sure": "Een ondergrens gaat nooit meer omlaag, wie er ook last van heeft. Verder gaan?",
  "floor.neither": "Geef een van de twee.",
  "floor.raised": "Ondergrens {ride} voor claims, {master} voor monteurs; {cancelled} claims vervallen, {reissued} opnieuw uitgegeven.",

  "releases.new": "Een versie uploaden",
  "releases.manifest": "Het bestand “manifest”",
  "releases.files": "De bestanden ervan",
  "releases.files.how": "Alles uit de map `files`, zoals `ringslot release` het maakte en mensen het ondertekenden",
  "releases.upload": "Uploaden",

  "attention.job_of": "Maak een klus van {what}",

  "problem.out_of_service": "Deze fiets is buiten dienst.",
  "problem.changed": "Iemand anders heeft dit intussen gewijzigd; open het opnieuw om te zien hoe het nu is.",
  "problem.lock_exists": "Een slot met dit nummer is al geregistreerd.",
  "problem.asset_exists": "Deze code staat op een andere fiets, of het slot zit daarop.",
  "problem.release_refused": "Geen slot zou deze versie aannemen.",
  "problem.release_taken": "Dit bord heeft al een andere versie met dat nummer.",
  "problem.floor_ahead": "De ondergrens ligt boven elke epoche tot nu toe; de volgende claims zouden dood zijn.",
};
