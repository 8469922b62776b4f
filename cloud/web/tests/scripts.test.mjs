// What browsers are given is the program that people wrote: cloud/scripts.py may take away comments and spaces, nothing
// else. Compared as the grammar sees them, with their positions left out (https://github.com/estree/estree).

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { parse } from "acorn";

import { ROOT } from "./spec.mjs";

const PYTHON = process.env.RINGSLOT_PYTHON ?? fileURLToPath(new URL(".venv/bin/python", ROOT));
const STATIC = new URL("cloud/static/", ROOT);
const SENT = `
import json, sys
from pathlib import Path
from cloud import scripts
print(json.dumps({name: scripts.given(Path(sys.argv[1]), name).decode() for name in sys.argv[2:]}))`;

/** The syntax tree as text. */
function tree(script) {
  const parsed = parse(script, { ecmaVersion: "latest", sourceType: "module" });
  return JSON.stringify(parsed, (key, value) => (["start", "end"].includes(key) ? undefined : typeof value === "bigint" ? `${value}n` : value));
}

/** {name below static/: the script as a browser gets it}. */
function given(names) {
  const options = { cwd: fileURLToPath(ROOT), encoding: "utf8", maxBuffer: 1 << 24, timeout: 60_000 };
  return JSON.parse(execFileSync(PYTHON, ["-c", SENT, fileURLToPath(STATIC), ...names], options));
}

const names = ["app", "console"].flatMap((folder) =>
  readdirSync(new URL(folder, STATIC), { recursive: true }).map((name) => `${folder}/${name}`).filter((name) => name.endsWith(".js")),
);
const sent = given(names);

test("every script is given as the program that it is", () => {
  assert.ok(names.length > 90, `${names.length}`);
  for (const name of names) assert.equal(tree(sent[name]), tree(readFileSync(new URL(name, STATIC), "utf8")), name);
});

test("and smaller", () => {
  const total = (texts) => texts.reduce((sum, text) => sum + text.length, 0);
  assert.ok(total(Object.values(sent)) < 0.8 * total(names.map((name) => readFileSync(new URL(name, STATIC), "utf8"))));
  assert.equal(Object.values(sent).filter((text) => text.includes("/**")).length, 0);
});

test("two that differ by a space that counts are told apart", () => {
  for (const [one, other] of [["return_\n(a)", "return_;(a)"], ["`a b`", "`ab`"], ["a + +b", "a++ + b"], ["/ /.test(a)", "/  /.test(a)"]]) {
    assert.notEqual(tree(one), tree(other));
  }
  assert.equal(tree("a = 1 // one\n\nb( )"), tree("a=1;b()"));
});
