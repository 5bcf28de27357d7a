/* Checks a proof inside the page: no network, no library, nothing but this file.
 *
 * Written from docs/spec alone. The Python file theriac_verify.py was written from the same text,
 * and a test compares both on thousands of spoiled proofs: verdict, index and words have to agree.
 * Everything is computed here, hashes and signatures too, so that the page works from a disk, from
 * a server without TLS, and decides about odd keys as libsodium does, whatever the browser thinks.
 * A classic script: browsers load no modules from a disk.
 */
"use strict";

const TheriacVerify = (() => {
  // What does not hold; `index` is the place in the log where that is known.
  class Bad extends Error {
    constructor(what, index = null) {
      super(what);
      this.what = what;
      this.index = index;
    }
  }

  function need(holds, what) {
    if (!holds) throw new Bad(what);
  }

  // --- bytes ---------------------------------------------------------------------------------

  const utf8 = new TextEncoder();

  function concat(...parts) {
    const out = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  function entries(number) {
    return number === 1 ? "one entry" : `${number} entries`;
  }

  function hex(bytes) {
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function unhex(text) {
    return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  }

  function equal(left, right) {
    return left.length === right.length && left.every((byte, at) => byte === right[at]);
  }

  // One character for each byte: patterns then read bytes.
  function binary(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; at += 8192) {
      text += String.fromCharCode(...bytes.subarray(at, at + 8192));
    }
    return text;
  }

  function unbinary(text) {
    return Uint8Array.from(text, (character) => character.charCodeAt(0));
  }

  function u64(number) {
    const out = new Uint8Array(8);
    new DataView(out.buffer).setBigUint64(0, BigInt(number));
    return out;
  }

  // The one base64 spelling of the bytes: atob forgives spaces and missing padding, btoa does not.
  function unbase64(text) {
    let data;
    try {
      data = atob(text);
    } catch {
      throw new Bad("a text is no base64");
    }
    need(/^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.length % 4 === 0, "a text is no base64");
    need(btoa(data) === text, "a text is not the one base64 of its bytes");
    return unbinary(data);
  }

  // --- SHA-2: the constants are roots of primes, so they are computed and not copied -------------

  const PRIMES = [];
  for (let number = 2; PRIMES.length < 80; number += 1) {
    if (PRIMES.every((prime) => number % prime)) PRIMES.push(number);
  }

  // The first 64 bits behind the point of a square or cube root.
  function rootBits(prime, degree) {
    const target = BigInt(prime) << BigInt(64 * degree);
    let root = 0n;
    for (let bit = 1n << 67n; bit; bit >>= 1n) {
      if ((root + bit) ** BigInt(degree) <= target) root += bit;
    }
    return BigInt.asUintN(64, root);
  }

  const K512 = PRIMES.map((prime) => rootBits(prime, 3));
  const H512 = PRIMES.slice(0, 8).map((prime) => rootBits(prime, 2));
  const K256 = K512.slice(0, 64).map((bits) => Number(bits >> 32n) | 0);
  const H256 = H512.map((bits) => Number(bits >> 32n) | 0);

  function padded(data, block, lengthSize) {
    const size = Math.ceil((data.length + 1 + lengthSize) / block) * block;
    const out = new Uint8Array(size);
    out.set(data);
    out[data.length] = 0x80;
    new DataView(out.buffer).setBigUint64(size - 8, BigInt(data.length) * 8n);
    return new DataView(out.buffer);
  }

  const rotated = (word, by) => (word >>> by) | (word << (32 - by));

  function sha256(data) {
    const view = padded(data, 64, 8);
    const state = Int32Array.from(H256);
    const w = new Int32Array(64);
    for (let start = 0; start < view.byteLength; start += 64) {
      for (let t = 0; t < 16; t += 1) w[t] = view.getInt32(start + 4 * t);
      for (let t = 16; t < 64; t += 1) {
        const [x, y] = [w[t - 15], w[t - 2]];
        const s0 = rotated(x, 7) ^ rotated(x, 18) ^ (x >>> 3);
        const s1 = rotated(y, 17) ^ rotated(y, 19) ^ (y >>> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let t = 0; t < 64; t += 1) {
        const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
        const one = (h + s1 + ((e & f) ^ (~e & g)) + K256[t] + w[t]) | 0;
        const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
        const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
        [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
      }
      [a, b, c, d, e, f, g, h].forEach((word, at) => (state[at] += word));
    }
    const out = new DataView(new ArrayBuffer(32));
    state.forEach((word, at) => out.setInt32(4 * at, word));
    return new Uint8Array(out.buffer);
  }

  const low64 = (value) => BigInt.asUintN(64, value);
  const rotated64 = (word, by) => (word >> by) | low64(word << (64n - by));

  function sha512(data) {
    const view = padded(data, 128, 16);
    const state = [...H512];
    const w = new Array(80);
    for (let start = 0; start < view.byteLength; start += 128) {
      for (let t = 0; t < 16; t += 1) w[t] = view.getBigUint64(start + 8 * t);
      for (let t = 16; t < 80; t += 1) {
        const [x, y] = [w[t - 15], w[t - 2]];
        const s0 = rotated64(x, 1n) ^ rotated64(x, 8n) ^ (x >> 7n);
        const s1 = rotated64(y, 19n) ^ rotated64(y, 61n) ^ (y >> 6n);
        w[t] = low64(w[t - 16] + s0 + w[t - 7] + s1);
      }
      let [a, b, c, d, e, f, g, h] = state;
      for (let t = 0; t < 80; t += 1) {
        const s1 = rotated64(e, 14n) ^ rotated64(e, 18n) ^ rotated64(e, 41n);
        const one = h + s1 + ((e & f) ^ (low64(~e) & g)) + K512[t] + w[t];
        const s0 = rotated64(a, 28n) ^ rotated64(a, 34n) ^ rotated64(a, 39n);
        const two = s0 + ((a & b) ^ (a & c) ^ (b & c));
        [h, g, f, e, d, c, b, a] = [g, f, e, low64(d + one), c, b, a, low64(one + two)];
      }
      [a, b, c, d, e, f, g, h].forEach((word, at) => (state[at] = low64(state[at] + word)));
    }
    return concat(...state.map((word) => u64(word)));
  }

  function hmac256(key, message) {
    const block = new Uint8Array(64);
    block.set(key.length > 64 ? sha256(key) : key);
    const inner = sha256(concat(block.map((byte) => byte ^ 0x36), message));
    return sha256(concat(block.map((byte) => byte ^ 0x5c), inner));
  }

  // --- Ed25519 as libsodium decides (docs/spec/README.md) ----------------------------------------

  const P = (1n << 255n) - 19n;
  const L = (1n << 252n) + 27742317777372353535851937790883648493n;

  function mod(value) {
    const rest = value % P;
    return rest < 0n ? rest + P : rest;
  }

  function power(base, exponent) {
    let result = 1n;
    for (let factor = base; exponent; exponent >>= 1n) {
      if (exponent & 1n) result = mod(result * factor);
      factor = mod(factor * factor);
    }
    return result;
  }

  const D = mod(-121665n * power(121666n, P - 2n));
  const ROOT_OF_MINUS_1 = power(2n, (P - 1n) / 4n);
  const NEUTRAL = [0n, 1n, 1n, 0n];

  // Extended coordinates; these formulas hold for any two points, equal ones too.
  function add([x1, y1, z1, t1], [x2, y2, z2, t2]) {
    const a = mod((y1 - x1) * (y2 - x2));
    const b = mod((y1 + x1) * (y2 + x2));
    const c = mod(2n * D * mod(t1 * t2));
    const d = mod(2n * z1 * z2);
    const [e, f, g, h] = [b - a, d - c, d + c, b + a];
    return [mod(e * f), mod(g * h), mod(f * g), mod(e * h)];
  }

  function littleEndian(bytes) {
    return BigInt("0x" + hex(Uint8Array.from(bytes).reverse()));
  }

  // The point that 32 bytes are, or null where there is none on the curve.
  function decoded(bytes) {
    const whole = littleEndian(bytes);
    const y = whole & ((1n << 255n) - 1n);
    if (y >= P) return null; // another spelling of the same point
    const [u, v] = [mod(y * y - 1n), mod(D * y * y + 1n)];
    let x = mod(u * power(v, 3n) * power(mod(u * power(v, 7n)), (P - 5n) / 8n));
    const square = mod(v * x * x);
    if (square === mod(-u)) x = mod(x * ROOT_OF_MINUS_1);
    else if (square !== u) return null;
    if ((x & 1n) !== whole >> 255n) x = mod(-x);
    return [x, y, 1n, mod(x * y)];
  }

  function encoded([x, y, z]) {
    const inverse = power(z, P - 2n);
    const whole = mod(y * inverse) | ((mod(x * inverse) & 1n) << 255n);
    return unhex(whole.toString(16).padStart(64, "0")).reverse();
  }

  function hasSmallOrder(point) {
    let times8 = point;
    for (let doubling = 0; doubling < 3; doubling += 1) times8 = add(times8, times8);
    return times8[0] === 0n && times8[1] === times8[2];
  }

  const BASE = decoded(unhex("58" + "66".repeat(31)));

  // Whether libsodium accepts: S below the order, A and R canonical and not of small order, and
  // the equation without the cofactor. R is never decoded: its bytes must be those of s*B - h*A.
  function signatureHolds(publicKey, message, signature) {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    const s = littleEndian(signature.subarray(32));
    const point = decoded(publicKey);
    if (s >= L || point === null || hasSmallOrder(point)) return false;
    const r = signature.subarray(0, 32);
    const h = littleEndian(sha512(concat(r, publicKey, message))) % L;
    const minusA = [mod(-point[0]), point[1], 1n, mod(-point[3])];
    const sums = [NEUTRAL, BASE, minusA, add(BASE, minusA)];
    let result = NEUTRAL;
    for (let bit = 252n; bit >= 0n; bit -= 1n) {
      result = add(result, result);
      const which = Number(((s >> bit) & 1n) | (((h >> bit) & 1n) << 1n));
      if (which) result = add(result, sums[which]);
    }
    return !hasSmallOrder(result) && equal(encoded(result), r);
  }

  function checkSignature(publicKey, message, signature, what) {
    need(signatureHolds(publicKey, message, signature), `${what}: the signature does not hold`);
  }

  // --- canonical JSON ----------------------------------------------------------------------------

  function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
  }

  function inProfile(value, depth = 1) {
    if (typeof value === "string") return !/[\0\ud800-\udfff]/u.test(value);
    if (typeof value === "boolean") return true;
    if (typeof value === "number") return Number.isSafeInteger(value);
    if (depth > 32 || value === null) return false;
    if (isObject(value)) {
      const names = Object.keys(value);
      if (!names.every((name) => /^[A-Za-z][A-Za-z0-9_.:-]{0,62}$/.test(name))) return false;
    }
    return Object.values(value).every((item) => inProfile(item, depth + 1));
  }

  function parseJson(data) {
    let text;
    let value;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
      value = JSON.parse(text);
    } catch {
      throw new Bad("not JSON");
    }
    // JSON.parse makes 1 of 1.0: outside the texts no digit may be followed by a point or an e.
    const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '""');
    need(!/[0-9][.eE]/.test(bare) && inProfile(value), "JSON outside the profile");
    return value;
  }

  function canonical(value) {
    if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
    if (!isObject(value)) return JSON.stringify(value);
    const names = Object.keys(value).sort();
    return `{${names.map((name) => `"${name}":${canonical(value[name])}`).join(",")}}`;
  }

  function parseCanonical(data) {
    const value = parseJson(data);
    const same = equal(utf8.encode(canonical(value)), data);
    need(same, "not the canonical spelling of the JSON");
    return value;
  }

  // --- shapes ------------------------------------------------------------------------------------

  const textOf = (pattern) => (value) => typeof value === "string" && pattern.test(value);
  const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
  const isCount = (value) => typeof value === "number" && value >= 0;

  function blobOf(size = null) {
    return (value) => {
      if (typeof value !== "string") return false;
      const data = unbase64(value);
      return size === null || data.length === size;
    };
  }

  function isTime(value) {
    const form = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;
    if (!textOf(form)(value) || value < "0001") return false;
    // A date that the calendar does not know comes back as another one, or not at all.
    const date = new Date(value);
    return !Number.isNaN(date.getTime()) && date.toISOString() === value;
  }

  const HOLDERS = ["system", "person", "member", "device"];
  const HEX = textOf(/^[0-9a-f]{64}$/);
  const UUID = textOf(/^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/);
  const ORIGIN = textOf(/^[!-*,-~]{1,255}$/);
  const NAME = textOf(/^[^\x00-\x1f\x7f]{1,200}$/u);
  const WORD = textOf(/^[a-z][a-z_]{0,31}$/);
  const LINE = textOf(/^[^\n]*$/);
  const isOne = (value) => value === 1;
  const SIGNED_BY = { v: isOne, log: ORIGIN, org: UUID, key: HEX, id: UUID, time: isTime };
  const STATEMENT = { ...SIGNED_BY, n: (value) => isCount(value) && value > 0, root: HEX };
  const CHAINED = { ...STATEMENT, first: isCount, prev: HEX };
  const PROMISE = { ...STATEMENT, stmt: HEX, deadline: isTime };
  const KIND = textOf(/^(?=.{1,128}$)[a-z]+(\.[a-z_]+)+\.v[1-9][0-9]*$/);
  const ENDORSEMENT = { org: UUID, key: HEX, policy: isCount, sig: blobOf(64) };
  const ENDORSEMENTS_MAX = 64;

  // Whether each text is greater than the one before: they are ASCII.
  const rises = (texts) => texts.every((text, at) => at === 0 || texts[at - 1] < text);

  function areEndorsements(value) {
    if (!Array.isArray(value) || value.length > ENDORSEMENTS_MAX) return false;
    return rises(value.map((each) => shape(each, ENDORSEMENT, "endorsement").org));
  }

  const ENTRY = {
    ...SIGNED_BY,
    kind: KIND,
    body: isObject,
    commitments: listOf(HEX),
    endorsements: areEndorsements,
  };
  const KEY = { key: HEX, public_key: blobOf(32) };
  const HELD_KEY = { ...KEY, holder: (value) => HOLDERS.includes(value) };
  const PROVEN = {
    entry: blobOf(),
    index: isCount,
    proof: listOf(blobOf(32)),
    path: listOf(blobOf(32)),
    header: blobOf(),
    header_index: isCount,
    header_proof: listOf(blobOf(32)),
  };
  const SEQUENCED = {
    header: blobOf(),
    header_index: isCount,
    header_proof: listOf(blobOf(32)),
    last_proof: listOf(blobOf(32)),
    chain_before: HEX,
    chain_after: HEX,
    checkpoint: blobOf(),
  };
  const OPENING = { commitment: isCount, key: blobOf(32), header: blobOf(), data: blobOf() };

  // The value, if it is an object of exactly these members.
  function shape(value, members, what) {
    need(isObject(value), `${what} is no object`);
    const odd = [
      ...Object.keys(value).filter((name) => !Object.hasOwn(members, name)),
      ...Object.keys(members).filter((name) => !Object.hasOwn(value, name)),
    ].sort();
    const named = odd.map((name) => `'${name}'`).join(", ");
    need(odd.length === 0, `${what}: missing or unknown member [${named}]`);
    for (const [name, check] of Object.entries(members)) {
      need(check(value[name]), `${what}: bad member ${name}`);
    }
    return value;
  }

  // --- tree and checkpoint -----------------------------------------------------------------------

  const leafHash = (data) => sha256(concat([0], data));
  const nodeHash = (left, right) => sha256(concat([1], left, right));

  function treeRoot(hashes) {
    let level = hashes;
    while (level.length > 1) {
      const above = [];
      for (let at = 0; at < level.length; at += 2) {
        const last = at + 1 === level.length;
        above.push(last ? level[at] : nodeHash(level[at], level[at + 1]));
      }
      level = above;
    }
    return level.length ? level[0] : sha256(new Uint8Array());
  }

  // The root that a path leads to, from the top of the tree down. Sizes reach beyond 2^53.
  function provenRoot(leaf, index, size, path) {
    need(index >= 0n && index < size, "an index outside its tree");
    if (size === 1n) {
      need(path.length === 0, "a proof that is too long");
      return leaf;
    }
    need(path.length > 0, "a proof that is too short");
    const half = 1n << BigInt((size - 1n).toString(2).length - 1);
    const [below, beside] = [path.slice(0, -1), path[path.length - 1]];
    if (index < half) return nodeHash(provenRoot(leaf, index, half, below), beside);
    return nodeHash(beside, provenRoot(leaf, index - half, size - half, below));
  }

  function parseVkey(vkey) {
    const [, name, keyHash, encodedKey] = /^([^+]*)\+([^+]*)\+([^]*)$/.exec(vkey) || [];
    need(name !== undefined, "the log key is no verifier key");
    const key = unbase64(encodedKey);
    need(key[0] === 1 && key.length === 33 && ORIGIN(name), "the log key is no Ed25519 key");
    const expected = sha256(concat(utf8.encode(`${name}\n`), key)).subarray(0, 4);
    need(keyHash === hex(expected), "the log key does not match its hash");
    return { name, publicKey: key.subarray(1), hash: expected };
  }

  // Origin, size, root of a checkpoint that the key signed, and how many signatures were ignored.
  function openCheckpoint(note, vkey) {
    const key = parseVkey(vkey);
    const form =
      /^([^\n]+)\n(0|[1-9][0-9]{0,18})\n([^\n]+)\n\n((?:\xe2\x80\x94 [^ \n]+ [^ \n]+\n)+)$/;
    const found = form.exec(binary(note));
    need(found, "the checkpoint has not the form of one");
    const [, origin, size, encodedRoot, block] = found;
    const text = note.subarray(0, note.length - block.length - 1);
    let signers = 0;
    const lines = block.split("\n").slice(0, -1);
    for (const line of lines) {
      const [, signer, encodedBlob] = line.split(" ");
      const blob = unbase64(encodedBlob);
      if (signer === key.name && equal(blob.subarray(0, 4), key.hash)) {
        checkSignature(key.publicKey, text, blob.subarray(4), "the checkpoint");
        signers += 1;
      }
    }
    need(signers, "the log key did not sign the checkpoint");
    need(origin === key.name, "the checkpoint is another log's");
    const root = unbase64(encodedRoot);
    need(size !== "0" || equal(root, sha256(new Uint8Array())), "an empty log with a root");
    return { origin: key.name, size: BigInt(size), root, ignored: lines.length - signers };
  }

  // --- the log's rules ---------------------------------------------------------------------------

  function parseHeader(data) {
    const header = shape(parseCanonical(data), { sig: blobOf(64), stmt: isObject }, "header");
    const statement = header.stmt;
    const chained = Object.hasOwn(statement, "first") || Object.hasOwn(statement, "prev");
    shape(statement, chained ? CHAINED : STATEMENT, "statement");
    if (chained) {
      const starts = statement.prev === "0".repeat(64);
      need((statement.first === 0) === starts, "statement: first and prev do not agree");
    }
    const message = utf8.encode("theriac/submission/v1\n" + canonical(statement));
    return { statement, message, signature: unbase64(header.sig) };
  }

  function parseEntry(data) {
    need(data.length < 65536, "an entry that is too large");
    return shape(parseCanonical(data), ENTRY, "entry");
  }

  // Members, keys and policies as the entries so far say.
  class Governance {
    constructor(vkey) {
      this.vkey = vkey;
      this.log = vkey.split("+")[0];
      this.operator = "";
      this.members = new Map();
      this.kinds = new Map();
      this.left = new Set();
      this.keys = new Map();
      this.policies = new Map();
      this.receiptKey = new Uint8Array();
      this.rules = {
        "ledger.genesis.v1": this.genesis,
        "ledger.member.admitted.v1": this.admit,
        "ledger.member.left.v1": this.leave,
        "ledger.key.added.v1": this.addKey,
        "ledger.key.rotated.v1": this.rotateKey,
        "ledger.key.revoked.v1": this.revokeKey,
        "ledger.policy.set.v1": this.setPolicy,
        "ledger.channel.created.v1": this.createChannel,
        "ledger.channel.linked.v1": this.linkChannel,
      };
    }

    keyOf(statement, index) {
      need(statement.log === this.log, "a statement for another log");
      const key = this.validKey(statement.key, statement.org, index);
      const chains = key.holder === "member" || key.holder === "device";
      const has = Object.hasOwn(statement, "prev");
      need(chains === has, "first and prev do not go with the key's holder");
      return key;
    }

    validKey(keyId, org, index) {
      const key = this.keys.get(keyId);
      need(key && key.org === org, "a key that its organisation does not have");
      const signsGenesis = key.from === 1 && index === 0;
      need(key.from < index || signsGenesis, "a key that is not valid yet");
      need(key.to === null || index < key.to, "a key that was revoked before");
      return key;
    }

    // What the entry did, in words; an entry of another kind than `ledger.…` does nothing here.
    apply(entry, index, at) {
      const { kind, body } = entry;
      const isGenesis = kind === "ledger.genesis.v1";
      need(isGenesis === (index === 1), "a genesis at index 1, only there");
      this.checkEndorsements(entry, at);
      if (!kind.startsWith("ledger.")) return "";
      const known = Object.hasOwn(this.rules, kind);
      need(known, `${kind} is no kind of governance that this file knows`);
      const may = index === 1 || this.isMember(entry.org);
      need(may, "governance by no member");
      return this.rules[kind].call(this, entry, body, index);
    }

    isMember(org) {
      return this.members.has(org) && !this.left.has(org);
    }

    // The policy in force for a kind at a header's index, or null.
    policyFor(kind, at) {
      const before = (this.policies.get(kind) || []).filter((policy) => policy.index < at);
      const policy = before[before.length - 1];
      return policy && policy.n > 0 ? policy : null;
    }

    checkEndorsements(entry, at) {
      const policy = this.policyFor(entry.kind, at);
      const given = entry.endorsements;
      if (policy === null) {
        need(given.length === 0, "endorsements that no policy asks for");
        return;
      }
      const plain = leafHash(utf8.encode(canonical({ ...entry, endorsements: [] })));
      const label = utf8.encode("theriac/endorsement/v1\n");
      const message = concat(label, plain, u64(policy.index));
      for (const each of given) {
        const same = each.policy === policy.index;
        need(same, "an endorsement under a policy that is not in force");
        const key = this.validKey(each.key, each.org, at);
        need(key.holder !== "device", "an endorsement under a device's key");
        const meant = this.means(policy, each.org);
        need(meant, "an endorsement by one that the policy leaves out");
        checkSignature(key.publicKey, message, unbase64(each.sig), "an endorsement");
      }
      need(
        given.length >= policy.n,
        `${given.length} endorsements of ${policy.n} that the policy at index ${policy.index} asks for`,
      );
    }

    means(policy, org) {
      if (policy.memberKind) return this.kinds.get(org) === policy.memberKind;
      return policy.orgs.includes(org);
    }

    // Under each policy as many can endorse as it asks for, also without some keys.
    needMet(policies, gone) {
      const able = new Set();
      for (const key of this.keys.values()) {
        const valid = key.org && key.to === null && !gone.includes(key);
        if (valid && key.holder !== "device") able.add(key.org);
      }
      for (const policy of policies) {
        const meant = [...able].filter((org) => this.means(policy, org));
        need(meant.length >= policy.n, "fewer could endorse than a policy asks for");
      }
    }

    newest() {
      return [...this.policies.values()].map((policies) => policies[policies.length - 1]);
    }

    genesis(entry, body, index) {
      const members = {
        origin: ORIGIN,
        channel: NAME,
        vkey: LINE,
        operator: isObject,
        receipt_key: isObject,
        quorum: (value) => value === "none",
      };
      if (Object.hasOwn(body, "entries")) members.entries = (value) => value === "members";
      shape(body, members, "genesis");
      const ours = body.origin === this.log && body.vkey === this.vkey;
      need(ours, "a genesis of another log");
      const operator = shape(body.operator, { org: UUID, name: NAME, ...KEY }, "operator");
      const own = entry.org === operator.org && entry.key === operator.key;
      need(own, "a genesis that another one signed");
      const receiptKey = shape(body.receipt_key, KEY, "receipt key");
      need(receiptKey.key !== operator.key, "one key for two purposes");
      this.newKey(receiptKey, "", "receipt", index);
      this.receiptKey = unbase64(receiptKey.public_key);
      this.operator = operator.org;
      this.newKey(operator, operator.org, "system", index);
      this.members.set(operator.org, operator.name);
      this.kinds.set(operator.org, "operator");
      return `the log begins; ${operator.name} operates it`;
    }

    admit(entry, body, index) {
      shape(body, { org: UUID, name: NAME, kind: WORD, first_key: isObject }, "admission");
      need(entry.org === this.operator, "only the operator admits members");
      need(!this.members.has(body.org), "a member that is or was one already");
      need(body.kind !== "operator", "a second operator");
      const key = shape(body.first_key, HELD_KEY, "first key");
      this.newKey(key, body.org, key.holder, index);
      this.members.set(body.org, body.name);
      this.kinds.set(body.org, body.kind);
      return `${body.name} (${body.kind}) is admitted with its first key`;
    }

    leave(entry, body, index) {
      shape(body, { org: UUID, reason: WORD }, "leave");
      const { org } = body;
      need(this.isMember(org), "a leave of no member");
      const may = entry.org === org || entry.org === this.operator;
      need(may, "a leave that another member declares");
      need(org !== this.operator, "the operator cannot leave");
      const keys = [...this.keys.values()].filter((key) => key.org === org && key.to === null);
      this.needMet(this.newest(), keys);
      this.left.add(org);
      for (const key of keys) key.to = index;
      return `${this.members.get(org)} leaves, and its keys end (${body.reason})`;
    }

    addKey(entry, body, index) {
      const label = Object.hasOwn(body, "label") ? { label: NAME } : {};
      shape(body, { ...HELD_KEY, ...label }, "added key");
      this.newKey(body, entry.org, body.holder, index);
      return `${this.members.get(entry.org)} adds a key (holder: ${body.holder})`;
    }

    rotateKey(entry, body, index) {
      const label = Object.hasOwn(body, "label") ? { label: NAME } : {};
      shape(body, { ...KEY, old: HEX, possession: blobOf(64), ...label }, "rotation");
      const [old, signer] = [this.keys.get(body.old), this.keys.get(entry.key)];
      need(old && old.org === entry.org, "a rotation of a key that its organisation has not");
      need(old.to === null, "a rotation of a key that ended before");
      const managed = signer && (signer.holder === "system" || signer.holder === "member");
      const may = entry.key === body.old || managed;
      need(may, "a rotation under a key that may not");
      const proof = { v: 1, log: this.log, org: old.org, key: body.key, holder: old.holder };
      const message = utf8.encode("theriac/key-possession/v1\n" + canonical(proof));
      const publicKey = this.freshKey(body);
      checkSignature(publicKey, message, unbase64(body.possession), "the new key's proof");
      const { org, holder } = old;
      this.keys.set(body.key, { publicKey, org, holder, from: index, to: null });
      old.to = index;
      return `${this.members.get(old.org)} puts a new key in the place of one`;
    }

    revokeKey(entry, body, index) {
      shape(body, { key: HEX, reason: WORD }, "revocation");
      const key = this.keys.get(body.key);
      need(key && key.org, "a revocation of a key that nobody has");
      const may = entry.org === key.org || entry.org === this.operator;
      need(may, "a revocation by somebody else");
      need(key.to === null, "a key that was revoked before");
      const left = [...this.keys.values()].filter((one) => one.org === key.org && one.to === null);
      need(left.length > 1, "a revocation of the last key");
      this.needMet(this.newest(), [key]);
      key.to = index;
      return `a key of ${this.members.get(key.org)} is revoked (${body.reason})`;
    }

    setPolicy(entry, body, index) {
      const byKind = Object.hasOwn(body, "member_kind");
      const meant = byKind ? { member_kind: WORD } : { orgs: listOf(UUID) };
      shape(body, { kind: KIND, n: isCount, ...meant }, "policy");
      need(entry.org === this.operator, "only the operator sets policies");
      const { kind, n, orgs = [] } = body;
      const governs = Object.hasOwn(this.rules, kind) && kind !== "ledger.genesis.v1";
      need(governs || !kind.startsWith("ledger."), "a policy for no kind of entries");
      need(Math.max(n, orgs.length) <= ENDORSEMENTS_MAX, "a policy of too many");
      need(rises(orgs), "a policy whose organisations are not in order");
      const present = orgs.every((org) => this.isMember(org));
      need(present, "a policy that names no member");
      const nobody = !byKind && orgs.length === 0;
      need((n === 0) === nobody, "a policy of none, or for nobody");
      const policy = { index, n, orgs, memberKind: byKind ? body.member_kind : "" };
      this.needMet([policy], []);
      this.policies.set(kind, [...(this.policies.get(kind) || []), policy]);
      return n === 0 ? `${kind} needs no endorsements any more`
        : `${kind} needs endorsements of ${n} organisations from here on`;
    }

    // Another log begins, in clear or behind a commitment; nothing changes here.
    createChannel(entry, body) {
      need(entry.org === this.operator, "only the operator creates channels");
      if (entry.commitments.length > 0) {
        this.commitOnly(entry, body);
        return "a private channel is created; only a commitment says which";
      }
      shape(body, { origin: ORIGIN, vkey: LINE }, "channel");
      need(body.origin !== this.log, "a channel that is this very log");
      const own = body.vkey.startsWith(`${body.origin}+`);
      need(own, "a channel with the key of another");
      return `the channel ${body.origin} is created`;
    }

    linkChannel(entry, body) {
      this.commitOnly(entry, body);
      return "a head of another log is known here; a commitment says which";
    }

    commitOnly(entry, body) {
      shape(body, {}, "body");
      need(entry.commitments.length === 1, "more or fewer than one commitment");
    }

    newKey(key, org, holder, index) {
      this.keys.set(key.key, { publicKey: this.freshKey(key), org, holder, from: index, to: null });
    }

    freshKey(key) {
      const publicKey = unbase64(key.public_key);
      need(hex(sha256(publicKey)) === key.key, "a key id that is not its key's");
      need(!this.keys.has(key.key), "a key that is there already");
      return publicKey;
    }
  }

  // --- steps: what was checked, in the words that the reader sees --------------------------------

  class Steps {
    constructor(...titles) {
      this.list = titles.map((title) => ({ title, state: "open", text: "", items: [] }));
      this.at = 0;
    }

    // Say how the current step went and go to the next.
    pass(text, { state = "holds", items = [] } = {}) {
      Object.assign(this.list[this.at], { state, text, items });
      this.at += 1;
    }

    fail(text) {
      Object.assign(this.list[this.at], { state: "fails", text });
    }
  }

  const quiet = { pass() {} };

  // An entry that is proven to be in the log and signed; the steps tell.
  function checkProven(proven, checkpoint, governance, steps = quiet) {
    const [entryData, headerData] = [unbase64(proven.entry), unbase64(proven.header)];
    const { statement, message, signature } = parseHeader(headerData);
    const entry = parseEntry(entryData);
    const { size, root } = checkpoint;
    const [index, at] = [proven.index, proven.header_index];
    const id = leafHash(entryData);
    const reaches = (leaf, where, name) => {
      const path = proven[name].map(unbase64);
      const reached = provenRoot(leaf, BigInt(where), size, path);
      need(equal(reached, root), `${name}: another root`);
    };
    reaches(id, index, "proof");
    steps.pass(`The entry is leaf ${index} of ${size}. Its hash, the entry id: ${hex(id)}`);
    reaches(leafHash(headerData), at, "header_proof");
    const many = entries(statement.n);
    steps.pass(`The header with the signature is leaf ${at}, for a submission of ${many}.`);
    const path = proven.path.map(unbase64);
    const place = BigInt(index) - BigInt(at) - 1n;
    const signed = provenRoot(id, place, BigInt(statement.n), path);
    need(hex(signed) === statement.root, "the entry is not in the root that was signed");
    for (const name of ["log", "org", "key"]) {
      need(entry[name] === statement[name], `entry and statement differ in ${name}`);
    }
    const way = path.length ? `A path of ${path.length} hashes leads from the entry to`
      : "It is alone in its submission: its hash is";
    steps.pass(`${way} the root that was signed.`);
    // The genesis names the key that it is signed under; every other key was there before.
    let did = index === 1 ? governance.apply(entry, index, at) : "";
    const key = governance.keyOf(statement, at);
    checkSignature(key.publicKey, message, signature, "the statement");
    const who = governance.members.get(entry.org) || "";
    const until = key.to === null ? "not revoked up to there" : `revoked at index ${key.to}`;
    steps.pass(
      `Signed for ${who} (organisation ${entry.org}) under key ${entry.key}, held by:` +
        ` ${key.holder}; added at index ${key.from}, ${until}.`,
    );
    if (index !== 1) did = governance.apply(entry, index, at);
    steps.pass(allowed(entry, did, governance));
    return { entry, id, statement, digest: hex(sha256(message)), did, who };
  }

  // Why the rules allow an entry, in words.
  function allowed(entry, did, governance) {
    const does = did ? `Governance takes it: ${did}.`
      : `${entry.kind} changes no member, no key and no policy.`;
    const names = entry.endorsements.map(({ org }) => governance.members.get(org));
    if (names.length === 0) return does;
    const { policy } = entry.endorsements[0];
    return `${does} Endorsed under the policy at index ${policy} by ${names.join(", ")}.`;
  }

  function checkOpening(opening, entry) {
    shape(opening, OPENING, "opening");
    const number = opening.commitment;
    const there = number < entry.commitments.length;
    need(there, "an opening of a commitment that is not there");
    const parts = [opening.header, opening.data].map(unbase64);
    const message = concat(
      utf8.encode("theriac/commitment/v1\n"),
      ...parts.flatMap((part) => [u64(part.length), part]),
    );
    const mac = hex(hmac256(unbase64(opening.key), message));
    need(mac === entry.commitments[number], "the data opens no commitment");
    return `Commitment ${number}: the ${parts[1].length} bytes given open it.`;
  }

  // --- what people bring -------------------------------------------------------------------------

  const PROOF_LINE = "c2sp.org/tlog-proof@v1";
  const VKEY_FILE = /^[!-*,-~]+\+[0-9a-f]{8}\+[A-Za-z0-9+/]+=*\r?\n?$/;

  function receiptText(data) {
    const text = binary(data);
    return text.trimStart().startsWith("{") ? data : unbase64(text.trim());
  }

  function jsonNames(data) {
    try {
      const value = parseJson(receiptText(data));
      return isObject(value) ? Object.keys(value) : [];
    } catch {
      return [];
    }
  }

  // What a file is, by its content. What looks like nothing else is taken for a bundle.
  function kindOf(data) {
    const text = binary(data);
    if (text.startsWith(QR_MAGIC)) return "qr";
    if (text.startsWith(PROOF_LINE)) return "tlog-proof";
    if (VKEY_FILE.test(text)) return "vkey";
    if (/\n\n\xe2\x80\x94 /.test(text) && !text.trimStart().startsWith("{")) return "checkpoint";
    const names = jsonNames(data);
    if (names.includes("receipt")) return "receipt";
    const has = (...some) => some.some((name) => names.includes(name));
    if (has("vkey", "checkpoint", "governance")) return "bundle";
    if (has("body", "stmt")) return "leaf";
    return names.length === 0 && text.trimStart().startsWith("{") ? "bundle" : "unknown";
  }

  // `keyFile` names the file that brought the key, where nobody gave it by hand.
  // `stated`: the server that handed out this page put the key there, and nobody confirmed it.
  function trust(steps, { given, keyFile, stated }, own) {
    if (given !== null && stated) {
      const text = "It is the key that the server of this page states. Whoever doubts the server"
        + ` compares it with one known from elsewhere, or pastes that one above: ${given}`;
      steps.pass(text, { state: "trusted" });
      return;
    }
    if (given !== null && keyFile) {
      const text = `The key came with the files themselves, in ${keyFile}, and is taken on trust for`
        + ` that reason only; compare it with one that you know from elsewhere: ${given}`;
      steps.pass(text, { state: "trusted" });
    } else if (given === null) {
      const text = "You gave no key. The key in the file is taken on trust; compare it with one"
        + ` that you know from elsewhere: ${own}`;
      steps.pass(text, { state: "trusted" });
    } else {
      steps.pass(`It is the key that you gave: ${given}`);
    }
  }

  function checkpointText({ origin, size, root }) {
    return `The log ${origin} had ${size} leaves and the root ${hex(root)}.`;
  }

  function checkBundle(data, key, steps) {
    const { given } = key;
    const bundle = parseCanonical(data);
    const members = {
      v: isOne,
      vkey: LINE,
      checkpoint: blobOf(),
      entry: isObject,
      governance: listOf(isObject),
    };
    if (isObject(bundle) && Object.hasOwn(bundle, "openings")) {
      members.openings = (value) => listOf(isObject)(value) && value.length > 0;
    }
    shape(bundle, members, "bundle");
    steps.pass(`A proof bundle of ${data.length} bytes, in its one spelling.`);
    need(given === null || given === bundle.vkey, "the bundle is of a log with another key");
    trust(steps, key, bundle.vkey);
    const checkpoint = openCheckpoint(unbase64(bundle.checkpoint), bundle.vkey);
    steps.pass(checkpointText(checkpoint));
    const governance = new Governance(bundle.vkey);
    const statements = new Map();
    const items = [];
    let last = 0;
    const prove = (proven, tell) => {
      shape(proven, PROVEN, "a proven entry");
      try {
        need(proven.index > last, "the entries are not in order");
        const found = checkProven(proven, checkpoint, governance, tell);
        statements.set(found.digest, found.statement);
        last = proven.index;
        return found;
      } catch (error) {
        throw error instanceof Bad ? new Bad(error.what, proven.index) : error;
      }
    };
    for (const proven of bundle.governance) {
      const found = prove(proven, quiet);
      items.push(`${proven.index}: ${found.did || found.entry.kind}`);
    }
    const text = `Who is a member and which keys are valid follows from ${entries(items.length)}`
      + " before this one. Each is in the log, signed, and allowed.";
    steps.pass(text, { items });
    const found = prove(bundle.entry, steps);
    const openings = bundle.openings || [];
    const opened = openings.map((opening) => checkOpening(opening, found.entry));
    if (openings.length) steps.pass(opened.join(" "));
    const closed = found.entry.commitments.length - new Set(openings.map((o) => o.commitment)).size;
    return { ...found, checkpoint, governance, statements, index: last, closed };
  }

  // An answer of the server holds more than the receipt: where the entries stand, in words and,
  // once they are sequenced, as a proof of its own.
  function partsOfReceipt(data) {
    const value = parseJson(receiptText(data));
    if (!isObject(value)) return { receipt: value };
    const { places, sequenced, ...receipt } = value;
    return { receipt, sequenced };
  }

  function checkSequenced(sequenced, receipt, promise, governance) {
    shape(sequenced, SEQUENCED, "sequenced");
    const ids = (receipt.entry_ids || []).map(unhex);
    need(ids.length === promise.n, `the receipt names ${ids.length} entries of ${promise.n}`);
    const headerData = unbase64(sequenced.header);
    const { message } = parseHeader(headerData);
    const checkpoint = openCheckpoint(unbase64(sequenced.checkpoint), governance.vkey);
    const { size, root } = checkpoint;
    const at = sequenced.header_index;
    const ends = [
      [leafHash(headerData), at, "header_proof"],
      [ids[ids.length - 1], at + promise.n, "last_proof"],
    ];
    for (const [leaf, index, name] of ends) {
      const reached = provenRoot(leaf, BigInt(index), size, sequenced[name].map(unbase64));
      need(equal(reached, root), `${name}: another root`);
    }
    const same = hex(sha256(message)) === promise.stmt;
    need(same, "the header leaf is that of another submission");
    const leaves = [leafHash(headerData), ...ids];
    let chain = unhex(sequenced.chain_before);
    for (const leaf of leaves) chain = sha256(concat(chain, leaf));
    need(hex(chain) === sequenced.chain_after, "the chain does not lead over the submission");
    return `Its header is leaf ${at} of ${size}, its last entry leaf ${at + promise.n}.`;
  }

  function checkReceipt(data, bundle, steps) {
    const { receipt, sequenced } = partsOfReceipt(data);
    const members = { receipt: isObject, sig: blobOf(64) };
    if (isObject(receipt) && Object.hasOwn(receipt, "entry_ids")) members.entry_ids = listOf(HEX);
    const promise = shape(shape(receipt, members, "receipt").receipt, PROMISE, "promise");
    need(promise.deadline >= promise.time, "a deadline before the promise");
    const key = bundle.governance.receiptKey;
    need(promise.key === hex(sha256(key)), "a receipt under another key");
    const message = utf8.encode("theriac/receipt/v1\n" + canonical(promise));
    checkSignature(key, message, unbase64(receipt.sig), "the receipt");
    steps.pass(`The operator promised submission ${promise.id} by ${promise.deadline}.`);
    if (sequenced !== undefined) {
      const ids = (receipt.entry_ids || []).map(unhex);
      need(hex(treeRoot(ids)) === promise.root, "entry ids that are not the promised ones");
      steps.pass(checkSequenced(sequenced, receipt, promise, bundle.governance));
      return;
    }
    const statement = bundle.statements.get(promise.stmt);
    need(statement, `submission ${promise.id} is missing, promised by ${promise.deadline}`);
    for (const name of ["log", "org", "id", "n", "root"]) {
      need(promise[name] === statement[name], `receipt and statement differ in ${name}`);
    }
    if (members.entry_ids) {
      const ids = receipt.entry_ids.map(unhex);
      need(hex(treeRoot(ids)) === promise.root, "entry ids that are not the promised ones");
    }
    steps.pass("The submission is one of those that the bundle proves to be in the log.");
  }

  function parseTlogProof(data) {
    const text = binary(data);
    const end = text.indexOf("\n\n");
    need(end >= 0, "no empty line before the checkpoint");
    const lines = text.slice(0, end).split("\n");
    need(lines.shift() === PROOF_LINE, `the first line is not ${PROOF_LINE}`);
    if (lines.length && lines[0].startsWith("extra ")) unbase64(lines.shift().slice(6));
    const found = /^index (0|[1-9][0-9]{0,18})$/.exec(lines.shift() || "");
    need(found, "no index line");
    const hashes = lines.map(unbase64);
    const sized = hashes.length <= 63 && hashes.every((hash) => hash.length === 32);
    need(sized, "a proof has at most 63 hashes of 32 bytes");
    return { index: BigInt(found[1]), hashes, note: data.subarray(end + 2) };
  }

  function checkTlogProof(data, leaf, key, steps) {
    const vkey = key.given;
    const proof = parseTlogProof(data);
    steps.pass(`A proof for leaf ${proof.index}, with ${proof.hashes.length} hashes.`);
    need(vkey !== null, "this file names no key: give the log's verifier key above");
    trust(steps, key, "");
    const checkpoint = openCheckpoint(proof.note, vkey);
    steps.pass(checkpointText(checkpoint));
    const id = leafHash(leaf);
    const reached = provenRoot(id, proof.index, checkpoint.size, proof.hashes);
    need(equal(reached, checkpoint.root), "the proof leads to another root");
    steps.pass(`The bytes are leaf ${proof.index} of ${checkpoint.size}. Their hash: ${hex(id)}`);
    return { checkpoint, index: Number(proof.index), id };
  }

  // --- printed codes -----------------------------------------------------------------------------

  const QR_MAGIC = "theriac code, unpacked\n";
  const QR_DIGITS = [0, 3, 5, 8, 10, 13, 15, 17];
  const QR_CODES_MAX = 4;

  // The codes in a text: addresses that were scanned, or what stands behind their sign #.
  function readCodes(text) {
    const form = /tq1\.([1-9])\.([1-9])\.([0-9a-f]{8})\.([0-9]+)(?![0-9])/g;
    return [...text.matchAll(form)].map(([, part, count, check, digits]) => (
      { part: Number(part), count: Number(count), check, digits }));
  }

  // 17 digits for each 7 bytes.
  function qrBytes(digits) {
    const parts = [];
    for (let at = 0; at < digits.length; at += 17) {
      const group = digits.slice(at, at + 17);
      const size = QR_DIGITS.indexOf(group.length);
      need(size >= 0, "a code with a digit too many or too few");
      const number = BigInt(group);
      need(number < 256n ** BigInt(size), "a code with digits that stand for no bytes");
      parts.push(unhex(size ? number.toString(16).padStart(2 * size, "0") : ""));
    }
    return concat(...parts);
  }

  // Which codes of a proof are missing still, and what they carry together once none is.
  function joinCodes(codes) {
    const [{ count, check }] = codes;
    need(codes.every((one) => one.count === count && one.check === check),
      "codes of different proofs");
    need(count <= QR_CODES_MAX, "more codes than a proof has");
    const digits = new Map(codes.map((one) => [one.part, one.digits]));
    const parts = Array.from({ length: count }, (_, at) => at + 1);
    const missing = parts.filter((part) => !digits.has(part));
    if (missing.length) return { missing, count };
    need(digits.size === count, "more codes than the proof has");
    const payload = concat(...parts.map((part) => qrBytes(digits.get(part))));
    const fits = hex(sha256(payload).subarray(0, 4)) === check;
    need(fits, "the text of the code is damaged or incomplete");
    return { missing, count, payload };
  }

  class QrReader {
    constructor(data) {
      this.data = data;
      this.at = 0;
    }

    take(size) {
      need(this.at + size <= this.data.length, "the code breaks off");
      this.at += size;
      return this.data.subarray(this.at - size, this.at);
    }

    number(size) {
      return this.take(size).reduce((number, byte) => number * 256n + BigInt(byte), 0n);
    }

    hashes() {
      const count = Number(this.number(1));
      need(count < 64, "a proof of more than 63 hashes");
      return Array.from({ length: count }, () => this.take(32));
    }

    // The lines of the witnesses, as they stand in the checkpoint.
    cosignatures() {
      const lines = [];
      for (let left = Number(this.number(1)); left > 0; left -= 1) {
        const name = this.take(Number(this.number(1)));
        need(/^[^\x00-\x20+]+$/.test(binary(name)), "a cosignature without a name");
        const blob = btoa(binary(this.take(76)));
        lines.push(utf8.encode("\u2014 "), name, utf8.encode(` ${blob}\n`));
      }
      return concat(...lines);
    }
  }

  // All parts of a code before the packed entry.
  function qrParts(reader) {
    need(reader.number(1) === 1n, "a code of another version");
    const parts = { logKey: reader.take(32), size: reader.number(8), logSignature: reader.take(64) };
    Object.assign(parts, { index: reader.number(8), proof: reader.hashes() });
    Object.assign(parts, { position: reader.number(4), n: reader.number(4), path: reader.hashes() });
    parts.id = hex(reader.take(16));
    parts.time = new TextDecoder().decode(reader.take(24));
    const chained = reader.number(1);
    need(chained < 2n, "a chain that is neither there nor not");
    parts.chain = chained
      ? { first: Number(reader.number(8)), prev: hex(reader.take(32)) } : {};
    parts.publicKey = reader.take(32);
    parts.signature = reader.take(64);
    parts.cosigned = reader.cosignatures();
    return parts;
  }

  // Raw DEFLATE of an entry, by the browser; null for what is none, or too much.
  async function inflated(data) {
    const parts = [];
    let size = 0;
    try {
      const packed = new Blob([data]).stream();
      const reader = packed.pipeThrough(new DecompressionStream("deflate-raw")).getReader();
      for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
        parts.push(value);
        size += value.length;
        if (size > 65535) {
          await reader.cancel();
          return null;
        }
      }
    } catch {
      return null;
    }
    return concat(...parts);
  }

  // What codes carry, made a file that `verify` takes: checking waits for nothing.
  async function unpackCode(payload) {
    const reader = new QrReader(payload);
    let entry = null;
    try {
      qrParts(reader);
      entry = await inflated(payload.subarray(reader.at));
    } catch (error) {
      if (!(error instanceof Bad)) throw error; // which `verify` will find as well
    }
    const head = [utf8.encode(QR_MAGIC), u64(payload.length), payload];
    return concat(...head, [entry === null ? 0 : 1], entry || []);
  }

  function checkQr(file, key, steps) {
    const data = file.subarray(QR_MAGIC.length);
    const length = Number(new DataView(data.buffer, data.byteOffset).getBigUint64(0));
    const parts = qrParts(new QrReader(data.subarray(8, 8 + length)));
    need(data[8 + length] === 1, "the entry in the code cannot be unpacked");
    const entryData = data.subarray(9 + length);
    const entry = parseEntry(entryData);
    const id = leafHash(entryData);
    steps.pass(`A proof of ${length} bytes. The hash of its entry, the entry id: ${hex(id)}`);
    const { log } = entry;
    const logKey = concat([1], parts.logKey);
    const keyHash = sha256(concat(utf8.encode(`${log}\n`), logKey)).subarray(0, 4);
    const own = `${log}+${hex(keyHash)}+${btoa(binary(logKey))}`;
    need(key.given === null || key.given === own, "the code is of a log with another key");
    trust(steps, key, own);
    const fits = hex(sha256(parts.publicKey)) === entry.key;
    need(fits, "the key in the code is not the entry's");
    const uuid = parts.id.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
    const { v, org, key: signer } = entry;
    const signed = provenRoot(id, parts.position, parts.n, parts.path);
    const statement = {
      v, log, org, key: signer, ...parts.chain,
      id: uuid, n: Number(parts.n), root: hex(signed), time: parts.time,
    };
    const header = utf8.encode(
      canonical({ sig: btoa(binary(parts.signature)), stmt: statement }));
    const { message } = parseHeader(header);
    checkSignature(parts.publicKey, message, parts.signature, "the statement");
    steps.pass(`Signed for organisation ${org}, in a submission of ${entries(Number(parts.n))},`
      + ` under key ${signer}.`);
    const root = provenRoot(id, parts.index, parts.size, parts.proof);
    const text = `${log}\n${parts.size}\n${btoa(binary(root))}\n\n\u2014 ${log} `;
    const line = `${btoa(binary(concat(keyHash, parts.logSignature)))}\n`;
    const checkpoint = openCheckpoint(concat(utf8.encode(text + line), parts.cosigned), own);
    steps.pass(`The entry is leaf ${parts.index}. ${checkpointText(checkpoint)}`);
    return { checkpoint, entry, id, index: Number(parts.index) };
  }

  // --- one answer for all that was brought -------------------------------------------------------

  const BUNDLE_STEPS = [
    "The file is a proof bundle",
    "The log's key",
    "The log signed the checkpoint",
    "Who may sign: the log's own rules",
    "The entry is in the log",
    "So is the signature of its submission",
    "The entry is one of those that were signed",
    "The signature holds, under a key valid there",
    "The rules allow the entry",
  ];

  const NO_WITNESS = "Nobody but the log's own key signed this checkpoint, as far as this page knows:"
    + " no witness is checked. That the operator shows everybody the same log is not proven;"
    + " compare its checkpoint with one that somebody else kept.";
  const NOT_LEFT_OUT = "That no later revocation or policy, and no other entry, is left out of this file:"
    + " only the whole log can show that.";
  const NOT_TRUE = "That what the entry says is true: it is proven who said it, and that nobody"
    + " changed it since. Its time is from the clock of whoever built it.";

  function readEntry(leaf) {
    try {
      return parseEntry(leaf);
    } catch {
      return null; // a header, or a leaf of somebody else's log
    }
  }

  function incomplete(title, text) {
    const steps = new Steps(title);
    steps.pass(text, { state: "open" });
    return { verdict: "incomplete", steps: steps.list, open: [], what: text, index: null };
  }

  function withSteps(steps, work) {
    try {
      return { verdict: "sound", steps: steps.list, what: "", index: null, ...work(steps) };
    } catch (error) {
      if (!(error instanceof Bad)) throw error;
      const where = error.index === null ? "" : `At index ${error.index}: `;
      steps.fail(`${where}${error.what}.`);
      const { what, index } = error;
      return { verdict: "bad", steps: steps.list, open: [], what, index };
    }
  }

  function ofBundle(brought, key) {
    const titles = [...BUNDLE_STEPS];
    // Whether there are openings is read before anything is checked, only to name the step.
    if (/"openings":\[/.test(binary(brought.bundle))) titles.push("The data is what was committed to");
    if (brought.receipt) titles.push("The receipt is the log's", "The receipt's promise was kept");
    if (brought.checkpoint) titles.push("The other checkpoint is of the same log");
    return withSteps(new Steps(...titles), (steps) => {
      const found = checkBundle(brought.bundle, key, steps);
      if (brought.receipt) checkReceipt(brought.receipt, found, steps);
      if (brought.checkpoint) {
        const other = openCheckpoint(brought.checkpoint, found.governance.vkey);
        sameHistory(found.checkpoint, other, steps);
      }
      const open = [NO_WITNESS, NOT_LEFT_OUT, NOT_TRUE];
      if (found.checkpoint.ignored) open.push(ignoredText(found.checkpoint));
      if (found.closed > 0) {
        open.push(`What ${found.closed} of the entry's commitments stand for: they are not opened here.`);
      }
      const { entry, index, who } = found;
      return { open, entry, where: index, who, id: hex(found.id) };
    });
  }

  function ignoredText({ ignored }) {
    return `${ignored} further signatures on the checkpoint are by keys that this page was not given.`;
  }

  function sameHistory(one, other, steps) {
    const differ = one.size === other.size && !equal(one.root, other.root);
    need(!differ, `two signed checkpoints of ${one.size} leaves with different roots: two histories`);
    const same = one.size === other.size;
    const text = same ? "Same size, same root." : "Another size; that one continues the other is not"
      + " proven by these two files.";
    steps.pass(`${checkpointText(other)} ${text}`, same ? {} : { state: "trusted" });
  }

  function ofTlogProof(brought, key) {
    const leaf = brought.leaf;
    if (!leaf) {
      const text = "This proof does not hold the entry itself. Add the file of the entry, or its"
        + " proof bundle.";
      return incomplete("The entry is missing", text);
    }
    const steps = new Steps(
      "The file is a tlog-proof", BUNDLE_STEPS[1], BUNDLE_STEPS[2], "The bytes are in the log");
    return withSteps(steps, () => {
      const found = checkTlogProof(brought["tlog-proof"], leaf, key, steps);
      const signed = "Who signed the entry, and that its key was valid: take the proof bundle.";
      const open = [NO_WITNESS, signed, NOT_TRUE];
      if (found.checkpoint.ignored) open.push(ignoredText(found.checkpoint));
      const entry = readEntry(leaf);
      return { open, entry, where: found.index, who: "", id: hex(found.id) };
    });
  }

  function ofCheckpoint(brought, key) {
    const vkey = key.given;
    const steps = new Steps(BUNDLE_STEPS[1], BUNDLE_STEPS[2]);
    return withSteps(steps, () => {
      need(vkey !== null, "this file names no key: give the log's verifier key above");
      trust(steps, key, "");
      const checkpoint = openCheckpoint(brought.checkpoint, vkey);
      steps.pass(checkpointText(checkpoint));
      const open = [NO_WITNESS, "What is in the log: a checkpoint says its size and root only."];
      if (checkpoint.ignored) open.push(ignoredText(checkpoint));
      return { open };
    });
  }

  const NOT_CARRIED = "Whose key it is, that it was valid there, and that endorsements hold: a code"
    + " has no room for the log's governance. Take the entry's proof bundle for that.";

  function ofQr(brought, key) {
    const steps = new Steps(
      "The code is a proof", BUNDLE_STEPS[1], "The signature holds, under the key in the code",
      "The log signed a checkpoint with the entry in it");
    return withSteps(steps, () => {
      const { checkpoint, entry, id, index } = checkQr(brought.qr, key, steps);
      const open = [NOT_CARRIED, NO_WITNESS, NOT_TRUE];
      if (checkpoint.ignored) open.push(ignoredText(checkpoint));
      const closed = entry.commitments.length;
      if (closed) open.push(`What ${closed} of the entry's commitments stand for.`);
      return { open, entry, where: index, who: "", id: hex(id) };
    });
  }

  // What is looked at beside each kind of proof; the first of these that is there decides.
  const LOOKED_AT = {
    bundle: ["bundle", "tlog-proof", "receipt", "checkpoint"],
    "tlog-proof": ["tlog-proof", "leaf"],
    qr: ["qr"],
    checkpoint: ["checkpoint"],
  };

  /* The answer for files (arrays of bytes) under a key (or null for the file's own), which came
   * from the file named `keyFile`, or was given by hand where that is "" (or, where it is `stated`,
   * by this page's own server):
   * verdict "sound", "bad" or "incomplete"; the steps; what stays open; the first thing that does
   * not hold (`what`) and its place in the log (`index`); and the places in `files` of those that
   * the verdict says nothing about (`unused`).
   */
  function verify(files, vkey, keyFile = "", stated = false) {
    const brought = {};
    const at = {};
    files.forEach((data, index) => {
      let kind = kindOf(data);
      if (kind === "unknown") kind = files.length > 1 ? "leaf" : "bundle";
      brought[kind] = data;
      at[kind] = index;
    });
    const proof = Object.keys(LOOKED_AT).find((kind) => kind in brought);
    const looked = (LOOKED_AT[proof] || Object.keys(at)).map((kind) => at[kind]);
    const unused = [...files.keys()].filter((index) => !looked.includes(index));
    return { ...answerTo(brought, { given: vkey, keyFile, stated }), unused };
  }

  function answerTo(brought, key) {
    if (brought["tlog-proof"] && brought.bundle) {
      try {
        brought.leaf = unbase64(parseCanonical(brought.bundle).entry.entry);
      } catch {
        return ofBundle(brought, key); // says what is wrong with it
      }
      const first = ofBundle(brought, key);
      return first.verdict === "sound" ? joined(first, ofTlogProof(brought, key)) : first;
    }
    if (brought.bundle) return ofBundle(brought, key);
    if (brought["tlog-proof"]) return ofTlogProof(brought, key);
    if (brought.qr) return ofQr(brought, key);
    if (brought.checkpoint) return ofCheckpoint(brought, key);
    if (brought.receipt) {
      const text = "A receipt is signed under a key that the log's first entry names. Add the proof"
        + " bundle of one of the entries that it promises.";
      return incomplete("The proof bundle is missing", text);
    }
    if (brought.leaf) {
      return incomplete("The proof is missing", "This is an entry. Add its proof.");
    }
    return incomplete("Nothing to check", "Choose a file with a proof.");
  }

  function joined(first, second) {
    const { verdict, what, index } = second;
    return { ...first, verdict, what, index, steps: [...first.steps, ...second.steps] };
  }

  return {
    verify, kindOf, signatureHolds, sha256, sha512, isTime, readCodes, joinCodes, unpackCode, Bad,
  };
})();

// --- the page --------------------------------------------------------------------------------------

(() => {
  const FILE_SIZE_BYTES_MAX = 32 * 1024 * 1024;
  const NAMES = {
    bundle: "proof bundle",
    "tlog-proof": "tlog-proof",
    checkpoint: "checkpoint",
    receipt: "receipt",
    leaf: "entry",
    qr: "proof",
    unknown: "other",
  };
  const VERDICTS = {
    sound: ["✓", "Everything holds"],
    partial: ["!", "The proof holds; a file was not checked"],
    bad: ["✕", "It does not hold"],
    incomplete: ["?", "Not enough to decide"],
    conflict: ["≠", "Two different keys"],
    foreign: ["?", "This is no proof"],
  };
  // A word and a sign beside the colour: nobody needs to see colours.
  const STATES = {
    holds: ["✓", "holds"],
    trusted: ["!", "not proven"],
    fails: ["✕", "fails"],
    open: ["–", "not checked"],
  };
  const place = (id) => document.getElementById(id);
  const chosen = new Map(); // kind -> {name, data}
  const keysBrought = new Map(); // key -> what brought it, in words
  let filled = ""; // the key that a file put into the field, until a person changes it
  let touched = false; // whether a person typed or pasted a key

  function element(tag, { text = "", className = "" } = {}, ...children) {
    const made = document.createElement(tag);
    if (text) made.textContent = text;
    if (className) made.className = className;
    made.append(...children);
    return made;
  }

  function sign([symbol, word]) {
    const shown = element("span", { text: symbol });
    shown.setAttribute("aria-hidden", "true");
    return element("span", { className: "sign" }, shown, ` ${word}`);
  }

  function stepItem(step) {
    const head = element("h3", { text: step.title });
    const item = element("li", { className: step.state }, head, sign(STATES[step.state]));
    if (step.text) item.append(element("p", { text: step.text }));
    if (step.items.length) {
      const lines = step.items.map((text) => element("li", { text }));
      const list = element("ul", {}, ...lines);
      item.append(element("details", {}, element("summary", { text: "Show them" }), list));
    }
    return item;
  }

  function entryPart(answer) {
    const facts = element("dl", { className: "entry" });
    const say = (name, text) => facts.append(element("dt", { text: name }), element("dd", { text }));
    say("Kind", answer.entry.kind);
    if (answer.who) say("Said by", answer.who);
    say("Organisation", answer.entry.org);
    say("Time, by its builder's clock", answer.entry.time);
    say("Log index", String(answer.where));
    say("Entry id", answer.id);
    const body = element("pre", { text: JSON.stringify(answer.entry, null, 2) });
    body.tabIndex = 0;
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", "The entry as JSON");
    return [element("h2", { text: "The entry" }), facts, body];
  }

  function verdictBox(verdict, conflict, look = verdict) {
    const [symbol, words] = VERDICTS[look];
    const shown = element("span", { text: `${symbol} ` });
    shown.setAttribute("aria-hidden", "true");
    const head = element("h2", { className: "answer" }, shown, words);
    const box = element("div", { className: `verdict ${look}` }, head);
    if (conflict) box.append(element("p", { text: conflict }));
    place("result").replaceChildren(box);
    place("result").dataset.verdict = verdict;
    return box;
  }

  // A proof that holds under the one key says nothing while somebody brings another key for it.
  // Nor does it say anything of a file that had no part in it.
  function show(answer, conflict, names) {
    const result = place("result");
    const unused = answer.unused.map((index) => names[index]);
    const sound = answer.verdict === "sound" && !conflict;
    const differ = answer.verdict === "sound" && conflict;
    const verdict = differ ? "conflict" : answer.verdict;
    const box = verdictBox(verdict, conflict, sound && unused.length ? "partial" : verdict);
    if (unused.length) {
      box.append(element("p", { text: `Not checked: ${unused.join(", ")}. It has no part in the`
        + " proof, so nothing is said about it. Start over to check it by itself." }));
    }
    const failed = answer.steps.find((step) => step.state === "fails");
    if (failed) box.append(element("p", { text: `First failure: ${failed.title}. ${failed.text}` }));
    if (answer.verdict === "incomplete") box.append(element("p", { text: answer.what }));
    const trusted = answer.steps.some((step) => step.state === "trusted");
    if (sound && trusted) {
      box.append(element("p", { text: "Provided that what is marked “not proven” below is so." }));
    }
    if (answer.open.length) {
      const lines = answer.open.map((text) => element("li", { text }));
      result.append(element("h2", { text: "What this does not prove" }));
      result.append(element("ul", { className: "unproven" }, ...lines));
    }
    result.append(element("h2", { text: "Step by step" }));
    result.append(element("ol", { className: "steps" }, ...answer.steps.map(stepItem)));
    if (sound && answer.entry) result.append(...entryPart(answer));
  }

  // A scan of a letter or a photograph does not fail to hold: it says nothing that could.
  function foreign(name, conflict) {
    const box = verdictBox("foreign", conflict);
    box.append(element("p", { text: `${name} is no file that this page can check, so nothing was`
      + " checked. That says nothing about what is in it. If somebody gave it to you as a proof, ask"
      + " for the proof bundle of the entry. What this page takes, and where one gets it, stands"
      + " below." }));
    place("takes").open = true;
  }

  function refuse(text) {
    const box = element("div", { className: "verdict incomplete" }, element("p", { text }));
    place("result").replaceChildren(box);
    place("result").dataset.verdict = "refused";
  }

  // The key to check under, what brought it ("" for a person), and in words which others differ.
  function keyInUse() {
    const field = place("vkey").value.trim();
    const brought = [...keysBrought.keys()];
    const vkey = field || brought[0] || null;
    const byFile = !field || field === filled;
    const others = brought.filter((key) => key !== vkey).map((key) => keysBrought.get(key));
    const conflict = others.length === 0 ? "" : `Another key than the one above came in`
      + ` ${others.join(" and in ")}. It was not used: the key above was kept, and whatever is`
      + " checked is checked under that one. A key that comes with files proves nothing about them."
      + " If you know from elsewhere that the other key is the right one, paste it above yourself;"
      + " else start over without it.";
    return { vkey, keyFile: (byFile && keysBrought.get(vkey)) || "", conflict };
  }

  // A key that is brought fills an empty field. It never takes the place of another one.
  function keyTake(key, from) {
    keysBrought.set(key, keysBrought.get(key) || from);
    if (place("vkey").value.trim()) return;
    place("vkey").value = key;
    filled = key;
  }

  // Codes of one proof arrive one by one, each perhaps in a page of its own: they meet in storage.
  const CODES_KEY = "theriac-codes";

  function codesKept() {
    try {
      return TheriacVerify.readCodes(localStorage.getItem(CODES_KEY) || "");
    } catch {
      return []; // no storage for this page
    }
  }

  function codesKeep(codes) {
    const texts = codes.map((one) => `tq1.${one.part}.${one.count}.${one.check}.${one.digits}`);
    try {
      if (texts.length) localStorage.setItem(CODES_KEY, texts.join(" "));
      else localStorage.removeItem(CODES_KEY);
    } catch {
      // The codes are pasted together then.
    }
  }

  // Take the text of scanned codes; say what is missing or damaged, or check what they carry.
  async function takeCodes(text, name) {
    const found = TheriacVerify.readCodes(text);
    if (!found.length) {
      refuse("That is no text of a printed code: one begins with tq1. or has it in its address.");
      return;
    }
    const { check: wanted } = found[0];
    const kept = codesKept().filter((one) => one.check === wanted);
    let joined;
    try {
      joined = TheriacVerify.joinCodes([...kept, ...found]);
    } catch (error) {
      if (!(error instanceof TheriacVerify.Bad)) throw error;
      codesKeep([]);
      chosen.delete("qr");
      const box = verdictBox("bad", "");
      box.append(element("p", { text: `${error.what}. Scan the code once more.` }));
      return;
    }
    if (joined.missing.length) {
      codesKeep([...kept, ...found]);
      chosen.delete("qr");
      const box = verdictBox("incomplete", "");
      box.append(element("p", { text: `This proof is printed as ${joined.count} codes. Scan number`
        + ` ${joined.missing.join(" and ")} too, or paste the texts of all of them.` }));
      return;
    }
    codesKeep([]);
    chosen.set("qr", { name, data: await TheriacVerify.unpackCode(joined.payload) });
    check();
  }

  function takeFragment() {
    if (TheriacVerify.readCodes(location.hash).length) takeCodes(location.hash, "The scanned code");
  }

  let turn = 0;

  function check() {
    turn += 1;
    delete place("result").dataset.verdict;
    const list = [...chosen].map(([kind, file]) => `${file.name} (${NAMES[kind]})`);
    list.push(...[...keysBrought.values()].map((from) => `${from} (verifier key)`));
    place("chosen").textContent = list.length ? `Chosen: ${list.join(", ")}` : "Nothing chosen yet.";
    place("over").hidden = !list.length;
    const { vkey, keyFile, conflict } = keyInUse();
    if (!chosen.size) {
      place("result").replaceChildren();
      if (conflict) verdictBox("conflict", conflict);
      return;
    }
    if ([...chosen.keys()].every((kind) => kind === "unknown")) {
      foreign(chosen.get("unknown").name, conflict);
      return;
    }
    const files = [...chosen.values()].map((file) => file.data);
    const names = [...chosen.values()].map((file) => file.name);
    place("result").replaceChildren(element("p", { text: "Checking…" }));
    // A pause in which the words above are drawn; what was changed meanwhile is checked instead.
    const mine = turn;
    setTimeout(() => {
      if (mine !== turn) return;
      // A printed code leads to the server that it names: that server's word is no proof.
      const byServer = !touched && vkey === place("vkey").defaultValue.trim();
      const stated = chosen.has("qr") && byServer;
      show(TheriacVerify.verify(files, vkey, keyFile, stated), conflict, names);
    }, 20);
  }

  async function take(files) {
    for (const file of files) {
      if (file.size > FILE_SIZE_BYTES_MAX) {
        refuse(`${file.name} is larger than 32 MiB: no proof is.`);
        return;
      }
      let data;
      try {
        data = new Uint8Array(await file.arrayBuffer());
      } catch {
        refuse(`${file.name} cannot be read. A folder is no file.`);
        return;
      }
      const kind = TheriacVerify.kindOf(data);
      const text = kind === "unknown" ? new TextDecoder().decode(data) : "";
      if (TheriacVerify.readCodes(text).length) {
        await takeCodes(text, file.name);
        return;
      }
      if (kind === "vkey") keyTake(new TextDecoder().decode(data).trim(), file.name);
      else chosen.set(kind, { name: file.name, data });
    }
    check();
  }

  place("files").addEventListener("change", (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // the same file can be chosen again after it was changed
    take(files);
  });
  place("vkey").addEventListener("input", (event) => {
    touched = true;
    const changed = place("vkey").value.trim() !== filled;
    if (changed || event.inputType === "insertFromPaste") filled = "";
    check();
  });
  place("code").addEventListener("input", () => {
    const text = place("code").value;
    if (text.trim()) {
      takeCodes(text, "The pasted code");
    } else {
      chosen.delete("qr");
      check();
    }
  });
  window.addEventListener("hashchange", takeFragment);
  place("over").addEventListener("click", () => {
    chosen.clear();
    codesKeep([]);
    place("code").value = "";
    keysBrought.clear();
    // What a file filled in goes with the files.
    if (filled && place("vkey").value.trim() === filled) place("vkey").value = "";
    filled = "";
    check();
    place("files").focus();
  });
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    place("drop").classList.add("over");
  });
  document.addEventListener("dragleave", () => place("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    place("drop").classList.remove("over");
    const text = event.dataTransfer.getData("text/plain").trim();
    if (event.dataTransfer.files.length) take([...event.dataTransfer.files]);
    else if (text) {
      // Dropped text is as good as pasted, yet takes no key away either.
      const field = place("vkey").value.trim();
      if (!field) place("vkey").value = text;
      else if (text !== field) keysBrought.set(text, "the text that you dropped");
      check();
    }
  });
  check();
  takeFragment();
})();
