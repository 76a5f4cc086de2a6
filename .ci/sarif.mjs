// Checks SARIF against its schema: node .ci/sarif.mjs DIRECTORY FILE..., where DIRECTORY has the npm package
// `@microsoft/jest-sarif`, which ships it.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const [directory, ...files] = process.argv.slice(2);
const require = createRequire(resolve(directory, "node_modules/@microsoft/jest-sarif") + "/");
const Ajv = require("ajv");
const ajv = new Ajv({ schemaId: "auto", meta: false, unknownFormats: "ignore" });
ajv.addMetaSchema(require("ajv/lib/refs/json-schema-draft-04.json"));
const validate = ajv.compile(require("./lib/schemas/sarif-2.1.0-rtm.5.json"));
let found = 0;
for (const file of files) {
  const log = JSON.parse(readFileSync(file, "utf8"));
  for (const { dataPath, message } of validate(log) ? [] : validate.errors) {
    console.error(`${file}: ${dataPath} ${message}`);
    found += 1;
  }
  const results = log.runs.flatMap((run) => run.results ?? []).length;
  console.log(`${file}: ${results} results`);
}
console.log(`${files.length} SARIF files checked, ${found} mistakes`);
process.exit(files.length > 0 && found === 0 ? 0 : 1);
