// Whether this phone takes along what a lock has for the cloud of other people's rides: it does, unless whoever owns it
// says no. Of this browser, like its language, whoever is signed in.

const KEPT = "ringslot.carry";

export function carries() {
  return localStorage.getItem(KEPT) !== "no";
}

export function carry(wanted) {
  localStorage.setItem(KEPT, wanted ? "yes" : "no");
}
