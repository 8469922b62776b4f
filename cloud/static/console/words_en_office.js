// Every phrase of the pages beside the fleet itself: zones, people, messages, programs, accounts.

export default {
  "frame.actions": "Actions",
  "frame.edit": "Change",
  "frame.remove": "Remove",
  "frame.save": "Save",
  "frame.cancel": "Cancel",

  "once.why": "This is shown this once. Keep it where nobody else reads it.",
  "once.kept": "I have kept it",

  "operators.one": "Operator",

  "zones.title": "Zones",
  "zones.map": "Map of the zones; the table below says the same in words",
  "zones.name": "Name",
  "zones.kind": "Kind",
  "zones.since": "Since",
  "zones.none": "No zone yet: without any, a ride may end anywhere.",
  "zones.new": "New zone",
  "zones.edit": "Change {name}",
  "zones.remove": "Remove {name}",
  "zones.sure": "Shall {name} hold no more? Rides that have ended keep their verdict.",
  "zones.corners": "Corners",
  "zones.how": "Click on the map, or type latitude and longitude, a corner a line: 52.090000, 5.120000",
  "zones.no_corner": "“{line}” is no corner; write latitude and longitude, such as 52.090000, 5.120000.",
  "zones.undo": "Take the last corner away",

  "zone.parking": "parking",
  "zone.no_parking": "no parking",
  "zone.service_area": "service area",
};
