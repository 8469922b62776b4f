// Every phrase about bicycles and locks as things: registered, changed, commanded.

export default {
  "bikes.title": "Bicycles and locks",

  "office.bikes": "Register them, rename them, put another lock on a bicycle",

  "bikes.code": "Code on the sticker",
  "bikes.label": "Name",
  "bikes.plan": "Plan",
  "bikes.plan.how": "What a ride on it costs, by name",
  "bikes.find": "Find a code",
  "bikes.service": "Service",
  "bikes.in": "in service",
  "bikes.out": "out since {when}",
  "bikes.take_out": "Take out of service",
  "bikes.back": "Back into service",
  "bikes.reason": "Why",
  "bikes.out.how": "Nobody can claim it then; a ride that runs goes on",
  "bikes.later": "May come later",
  "bikes.none": "No bicycle yet.",
  "bikes.new": "New bicycle",
  "bikes.fit": "Another lock for {code}",
  "bikes.fit.button": "Go on",
  "bikes.fit.how": "Nothing: only take off the one that it has",
  "bikes.fit.sure": "Open claims of the lock that is on {code} are cancelled. Go on?",
  "bikes.off.sure": "Shall {code} have no lock? Its open claims are cancelled.",
  "bikes.locks": "Locks that {code} had",
  "bikes.no_locks": "It never had a lock.",

  "locks.new": "Register a lock",
  "locks.key": "Its secret key",
  "locks.key.how": "43 characters, as the maker’s papers have it; `ringslot provision` draws and registers one by itself",
  "locks.group.how": "8 hex digits, if it carries a group",
  "locks.papers": "What lock {lock_id} must be given",

  "lock.locate": "Let it say where it is",
  "lock.asked_says": "It does so when it is next heard of.",

  "command.locate": "position",

  "lock.board.change": "Change the board",
  "lock.board.how": "Which releases are for it; the lock itself takes no other",

  "claims.none": "No claim.",

  "floor.title": "Tokens that it takes no longer",
  "floor.why": "A phone keeps its token when a claim is over. The lock refuses all below its floor, from the next time that it is heard of.",
  "floor.sweep": "End the tokens of all claims that are over",
  "floor.by_hand": "Raise a floor by hand",
  "floor.ride": "Epoch of claims",
  "floor.ride.how": "Open claims below it die too",
  "floor.master": "Epoch of technicians’ tokens",
  "floor.master.how": "Their tokens below it are dead",
  "floor.raise": "Raise",
  "floor.sure": "A floor never comes down, whoever it hurts. Go on?",
  "floor.neither": "Give one of the two.",
  "floor.raised": "Floor {ride} for claims, {master} for technicians; {cancelled} claims cancelled, {reissued} re-issued.",

  "releases.new": "Upload a release",
  "releases.manifest": "The file “manifest”",
  "releases.files": "Its files",
  "releases.files.how": "All of the folder’s `files`, as `ringslot release` made and people signed them",
  "releases.upload": "Upload",

  "attention.job_of": "Make a job of {what}",

  "problem.out_of_service": "This bicycle is out of service.",
  "problem.changed": "Somebody else changed this meanwhile; open it again to see how it is now.",
  "problem.lock_exists": "A lock with this id is registered already.",
  "problem.asset_exists": "This code is on another bicycle, or the lock is.",
  "problem.release_refused": "No lock would take this release.",
  "problem.release_taken": "This board has another release of that number.",
  "problem.floor_ahead": "The floor is above every epoch so far; the next claims would be dead.",
};
