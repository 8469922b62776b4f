// The one way to a lock, whatever the device offers: a native shell's radio, else the browser's Web Bluetooth.
//
//   switch (await support()) { "ready" | "off" | "missing" }
//   const device = await choose(wanted(values));       in the tap: a browser asks only then
//   const link = await connect(device);                what protocol/visit.js takes as its link
//
// choose and connect throw Unlinked: {name, next} of protocol/outcome.js. A shell sets `globalThis.ringslotRadio` to an
// object with the same three functions, before the app loads (README.md says what they owe).

import * as webBluetooth from "./web_bluetooth.js";

const radio = globalThis.ringslotRadio ?? webBluetooth;

/** Promise of "ready", of "off" where there is no adapter or the browser tells that it is off, of "missing" where pages have none. */
export const support = () => radio.support();

/** Promise of a device that the person has picked. `filters`: of protocol/advertising.js. */
export const choose = (filters) => radio.choose(filters);

/** Promise of a link to it: {spent, write(frame), cut(), listen({frame, lost})}. */
export const connect = (device) => radio.connect(device);
