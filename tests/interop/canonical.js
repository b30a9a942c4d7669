// node canonical.js compare BINARY COUNT [SEED]: generated documents through BINARY (canonical_lines) and through the npm
//   package canonicalize; every line must be equal. Ends with "N passed, N failed" and exit code 0 or 1.
// node canonical.js vectors COUNT: freezes documents, their canonical form and its SHA-256, one JSON object a line; this
//   made tests/unit/base/canonical_vectors.jsonl.
// The package is found through NODE_PATH.
"use strict";
const { spawn } = require("child_process");
const { createHash } = require("crypto");
const canonicalize = require("canonicalize").default ?? require("canonicalize");

/** xorshift64*: the same numbers for the same seed, on every machine. */
class Dice {
  constructor(seed) {
    this.state = BigInt.asUintN(64, BigInt(seed) * 0x9e3779b97f4a7c15n + 1n) || 1n;
  }
  bits() {
    let x = this.state;
    x ^= x >> 12n;
    x = BigInt.asUintN(64, x ^ (x << 25n));
    x ^= x >> 27n;
    this.state = x;
    return BigInt.asUintN(64, x * 0x2545f4914f6cdd1dn);
  }
  below(end) {
    return Number(this.bits() >> 11n) % end;
  }
  one(list) {
    return list[this.below(list.length)];
  }
}

const view = new DataView(new ArrayBuffer(8));
function doubleOf(bits) {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}
function bitsOf(value) {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

/** Doubles at which layouts or roundings change; their neighbours are taken too. */
const borders = [1e21, 1e20, 1e22, 1e-6, 1e-7, 1e15, 1e16, 1e17, 2 ** 53, 2 ** 53 + 2, 1e23, 5e-324, 2.2250738585072014e-308,
                 Number.MAX_VALUE, 0.1, 0.3, 1 / 3, 123456789012345680000, 4.35, 0.000001, 9007199254740991, 1.5];

class Generator {
  constructor(seed) {
    this.dice = new Dice(seed);
  }

  space() {
    return this.dice.below(4) > 0 ? "" : this.dice.one([" ", "\t", "\r", "  "]);
  }

  double() {
    for (;;) {
      const kind = this.dice.below(5);
      let value;
      if (kind === 0) value = doubleOf(this.dice.bits());
      if (kind === 1) value = doubleOf(this.dice.bits() & 0x800fffffffffffffn); // subnormal
      if (kind === 2) value = doubleOf(bitsOf(this.dice.one(borders)) + BigInt(this.dice.below(5) - 2));
      if (kind === 3) value = (this.dice.below(2000001) - 1000000) / 10 ** this.dice.below(8);
      if (kind === 4) value = (this.dice.below(1999) - 999) * 10 ** (this.dice.below(60) - 30);
      if (Number.isFinite(value)) return value;
    }
  }

  /** A token with a fraction or an exponent, so that it is read as a double in any size. */
  realToken() {
    const value = this.double();
    const shape = this.dice.below(4);
    let token = shape === 0 ? value.toExponential() : shape === 1 ? value.toPrecision(17) : shape === 2
      ? value.toExponential(this.dice.below(25)) : String(value);
    if (!Number.isFinite(Number(token))) token = String(value); // rounded beyond the greatest double
    if (!/[.e]/.test(token)) token += this.dice.below(2) === 0 ? ".0" : "e0";
    if (this.dice.below(4) === 0) token = token.replace("e", "E");
    return token;
  }

  integerToken() {
    const kind = this.dice.below(5);
    if (kind === 0) return this.dice.one(["0", "-0", "9007199254740991", "-9007199254740991", "9007199254740990", "1", "-1"]);
    const most = kind === 1 ? 10 : kind === 2 ? 1000 : 2 ** 53;
    return (this.dice.below(2) === 0 ? "-" : "") + String(Number(this.dice.bits() >> 11n) % most);
  }

  number() {
    if (this.dice.below(12) === 0) return this.dice.one(["-0.0", "0.0", "-0e5", "0E-9", "1E0", "100e-2", "1e-400"]);
    return this.dice.below(2) === 0 ? this.integerToken() : this.realToken();
  }

  /** Characters that trap orders by code point or by byte, and that need escapes. Never U+0000 or half a pair. */
  character() {
    const code = [() => 0x61 + this.dice.below(3), () => 0x20 + this.dice.below(95), () => 1 + this.dice.below(31), () => 0x7f + this.dice.below(0x700),
                  () => 0xd7f0 + this.dice.below(16), () => 0xe000 + this.dice.below(0x2000), () => 0x10000 + this.dice.below(0x100000),
                  () => this.dice.one([0x22, 0x5c, 0x2f, 0x7f, 0x2028, 0x2029, 0xfeff, 0xfffd, 0xffff, 0x1f600, 0x10ffff, 0xfb33, 0x20ac])];
    return String.fromCodePoint(this.dice.one(code)());
  }

  text() {
    if (this.dice.below(40) === 0) return this.dice.one(["__proto__", "constructor", "toJSON", "hasOwnProperty", "length", "0", "10", "2"]);
    let out = "";
    for (let left = this.dice.below(this.dice.below(8) === 0 ? 60 : 7); left > 0; --left) out += this.character();
    return out;
  }

  /** The text as a JSON string, with more escapes than needed. */
  quoted(text) {
    let out = '"';
    for (const character of text) {
      const plain = JSON.stringify(character).slice(1, -1);
      const hex = () => character.split("").map((unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0")).join("");
      const shape = this.dice.below(6);
      out += shape === 0 ? hex() : shape === 1 ? hex().toUpperCase().replaceAll("\\U", "\\u") : character === "/" && shape === 2 ? "\\/" : plain;
    }
    return out + '"';
  }

  list(open, close, element) {
    const parts = [];
    for (let left = this.dice.below(this.dice.below(10) === 0 ? 40 : 6); left > 0; --left) {
      const part = element();
      if (part !== null) parts.push(this.space() + part + this.space());
    }
    return open + (parts.length === 0 ? this.space() : parts.join(",")) + close;
  }

  value(depth) {
    const kind = this.dice.below(depth > 0 ? 10 : 6);
    if (kind < 2) return this.number();
    if (kind < 4) return this.quoted(this.text());
    if (kind < 6) return this.dice.one(["true", "false", "null", this.number()]);
    if (kind < 7) return this.list("[", "]", () => this.value(depth - 1));
    const names = new Set();
    return this.list("{", "}", () => {
      const name = this.text();
      if (names.has(name)) return null;
      names.add(name);
      return this.quoted(name) + this.space() + ":" + this.space() + this.value(depth - 1);
    });
  }

  document() {
    return this.space() + this.value(1 + this.dice.below(5)) + this.space();
  }
}

function vectors(count) {
  for (let seed = 1, left = count; left > 0; ++seed) {
    const text = new Generator(seed).document();
    if (text.length < 3 || text.length > 1500) continue;
    --left;
    const form = canonicalize(JSON.parse(text));
    console.log(JSON.stringify({ text, canonical: form, sha256: createHash("sha256").update(form).digest("hex") }));
  }
}

async function compare(binary, count, first) {
  const ours = spawn(binary, { stdio: ["pipe", "pipe", "inherit"] });
  const waiting = []; // documents whose line has not come back; the pipe bounds how many
  let passed = 0, failed = 0;
  const compareLine = (line) => {
    const text = waiting.shift();
    const want = canonicalize(JSON.parse(text));
    if (line === want) {
      ++passed;
    } else if (++failed <= 5) {
      console.error(`document: ${text}\n  canonicalize: ${want}\n  settle:       ${line}`);
    }
  };
  let rest = ""; // (the module readline would break lines at U+2028 too)
  ours.stdout.setEncoding("utf8").on("data", (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    lines.forEach(compareLine);
  });
  for (let seed = first; seed < first + count; ++seed) {
    const text = new Generator(seed).document();
    waiting.push(text);
    if (!ours.stdin.write(text + "\n")) await new Promise((drained) => ours.stdin.once("drain", drained));
  }
  ours.stdin.end();
  await new Promise((closed) => ours.stdout.once("close", closed));
  failed += waiting.length; // lines that never came
  console.log(`${passed} passed, ${failed} failed`);
  process.exit(failed === 0 && passed === count ? 0 : 1);
}

const [what, ...rest] = process.argv.slice(2);
if (what === "vectors") vectors(Number(rest[0]));
else compare(rest[0], Number(rest[1]), Number(rest[2] ?? 1));
