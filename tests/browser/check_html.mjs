// Reads pages, each as a JSON string on a line of its own, and answers with a line: what is wrong, as a list of sentences.
import { createInterface } from "node:readline";
import { HtmlValidate } from "html-validate";

const checker = new HtmlValidate({
  root: true,
  extends: ["html-validate:recommended", "html-validate:document", "html-validate:a11y"],
  rules: {
    "input-missing-label": "error",
    "doctype-style": ["error", { style: "lowercase" }],
    "heading-level": "off", // a summary of problems comes before the heading; the order has a test of its own
    "require-sri": "off", // every file is ours, from the same origin
    "no-trailing-whitespace": "off", // templates leave some, and nobody sees it
  },
});

for await (const line of createInterface({ input: process.stdin })) {
  const report = await checker.validateString(JSON.parse(line));
  const found = report.results.flatMap((result) => result.messages);
  console.log(JSON.stringify(found.map((one) => `${one.ruleId}, line ${one.line}: ${one.message}`)));
}
