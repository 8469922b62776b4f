export default {
  "frame.actions": "Handelingen",
  "frame.edit": "Wijzigen",
  "frame.remove": "Verwijderen",
  "frame.save": "Opslaan",
  "frame.cancel": "Annuleren",

  "once.why": "Dit is eenmalig te zien. Bewaar het waar niemand anders leest.",
  "once.kept": "Ik heb het bewaard",

  "operators.one": "Exploitant",

  "zones.title": "Zones",
  "zones.map": "Kaart van de zones; de tabel eronder zegt hetzelfde in woorden",
  "zones.name": "Naam",
  "zones.kind": "Soort",
  "zones.since": "Sinds",
  "zones.none": "Nog geen zone: zonder zones mag een rit overal eindigen.",
  "zones.new": "Nieuwe zone",
  "zones.edit": "{name} wijzigen",
  "zones.remove": "{name} verwijderen",
  "zones.sure": "Mag {name} vervallen? Ritten die al geëindigd zijn houden hun oordeel.",
  "zones.corners": "Hoeken",
  "zones.how": "Klik op de kaart, of typ breedte en lengte, één hoek per regel: 52.090000, 5.120000",
  "zones.no_corner": "“{line}” is geen hoek; schrijf breedte en lengte, zoals 52.090000, 5.120000.",
  "zones.undo": "Laatste hoek weghalen",

  "zone.parking": "parkeren",
  "zone.no_parking": "niet parkeren",
  "zone.service_area": "werkgebied",
};
