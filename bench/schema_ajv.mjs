// schema_ajv.mjs FOLDER [SECONDS]: what schema_bench does, with ajv's compiled validators and ajv-formats (full mode). The
// packages come from where NODE_PATH or the folder it is copied to has them.
import fs from "node:fs";
import path from "node:path";
import Ajv07 from "ajv";
import Ajv2020 from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const [folder, seconds = "0.3"] = process.argv.slice(2);
const make = (schema) => {
  const old = (schema.$schema ?? "").includes("draft-07");
  const ajv = new (old ? Ajv07.default : Ajv2020.default)({strict: false, allErrors: false});
  addFormats.default(ajv);
  return ajv.compile(schema);
};

for (const name of fs.readdirSync(folder).filter((n) => n.endsWith(".json")).sort()) {
  const {schema, instances} = JSON.parse(fs.readFileSync(path.join(folder, name), "utf8"));
  const validate = make(schema);
  let accepted = 0, rounds = 0, warm = true, start = process.hrtime.bigint(), spent = 0;
  for (;;) {
    for (let i = 0; i < 1000; i++) for (const instance of instances) accepted += validate(instance) ? 1 : 0;
    rounds += 1000;
    spent = Number(process.hrtime.bigint() - start);
    // The first tenth lets the compiler of the engine do its work.
    if (warm && spent > Number(seconds) * 1e8) { warm = false; accepted = rounds = 0; start = process.hrtime.bigint(); }
    else if (spent > Number(seconds) * 1e9) break;
  }
  if (accepted !== rounds * instances.length) throw new Error(`${name}: an instance does not fit`);
  const before = process.hrtime.bigint();
  for (let i = 0; i < 10; i++) make(schema);
  const compile = Number(process.hrtime.bigint() - before) / 1e4;
  console.log(JSON.stringify({what: path.basename(name, ".json"), ns: spent / accepted, compile_us: compile}));
}
