// The safe account, decided in Node: the same .cedar and .cedarschema files, evaluated by @cedar-policy/cedar-wasm.
//
//   node decide.mjs [FOLDER]     reads one JSON question a line, writes one JSON answer a line
//
// FOLDER holds safe_account.cedar and safe_account.cedarschema. Parsed and validated once; a rulebook that does not hold
// against its schema decides nothing. Two rules are ours and not Cedar's: whatever goes wrong is a no (rule-broken), because
// Cedar alone skips a rule that fails; and a no that no rule gives has a reason too (no-permit).

import cedar from "@cedar-policy/cedar-wasm/nodejs";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const home = process.argv[2] ?? fileURLToPath(new URL("../../../server/policy", import.meta.url));
const rules = byId(readFileSync(`${home}/safe_account.cedar`, "utf8"));
const schema = readFileSync(`${home}/safe_account.cedarschema`, "utf8");

// -- at the start, once ---------------------------------------------------------------------------------------------------

good(cedar.preparsePolicySet("safe account", { staticPolicies: rules }));
good(cedar.preparseSchema("safe account", schema));
const checked = good(cedar.validate({ schema, policies: { staticPolicies: rules } }));
if (checked.validationErrors.length) fail(checked.validationErrors.map((one) => `${one.policyId}: ${one.error.message}`));

/** For each verb the parts of its question, as the schema has them: what the verb is done to, and its context. */
const { "": names } = good(cedar.schemaToJsonWithResolvedTypes(schema)).json;
const record = (type) => (type.type === "Record" ? type : record(names.commonTypes[type.name ?? type.type]));
const verbs = new Map(
  Object.entries(names.actions)
    .filter(([, action]) => action.appliesTo?.resourceTypes.length)
    .map(([verb, { appliesTo }]) => {
      const resource = appliesTo.resourceTypes[0];
      const context = Object.keys(appliesTo.context ? record(appliesTo.context).attributes : {});
      const about = { Person: "y", Matter: "matter", Stage: "stage", Case: "case", Evidence: "evidence" }[resource];
      return [verb, { resource, about, context }];
    }),
);

// -- one question ---------------------------------------------------------------------------------------------------------

const broken = { verdict: "deny", rules: ["rule-broken"] };

/** The answer to one question, given as plain JSON values. Whatever goes wrong is a no. */
function decide(question) {
  try {
    const verb = verbs.get(question.verb);
    const parts = ["verb", "x", verb.about, ...verb.context];
    if (Object.keys(question).sort().join() !== parts.sort().join()) return broken;
    const principal = { type: "Person", id: "x" };
    const resource = { type: verb.resource, id: "y" };
    const answer = cedar.statefulIsAuthorized({
      principal,
      action: { type: "Action", id: question.verb },
      resource,
      context: Object.fromEntries(verb.context.map((part) => [part, question[part]])),
      entities: [
        { uid: principal, attrs: question.x, parents: [] },
        { uid: resource, attrs: question[verb.about], parents: [] },
      ],
      preparsedPolicySetId: "safe account",
      preparsedSchemaName: "safe account", // with it, a fact that is missing, unknown or of the wrong type is an error
      validateRequest: true,
    });
    if (answer.type !== "success" || answer.response.diagnostics.errors.length) return broken;
    const reasons = [...answer.response.diagnostics.reason].sort();
    return { verdict: answer.response.decision, rules: reasons.length ? reasons : ["no-permit"] };
  } catch {
    return broken;
  }
}

// -- helpers --------------------------------------------------------------------------------------------------------------

/** The rules by their @id, so that Cedar's reasons are our reasons. */
function byId(text) {
  const { policies, policy_templates: templates } = good(cedar.policySetTextToParts(text));
  const found = policies.map((policy) => [good(cedar.policyToJson(policy)).json.annotations?.id, policy]);
  const rules = Object.fromEntries(found);
  if (templates.length || "undefined" in rules || Object.keys(rules).length !== found.length) fail(["a rule has no id of its own"]);
  return rules;
}

function good(answer) {
  return answer.type === "success" ? answer : fail(answer.errors.map((error) => error.message));
}

function fail(reasons) {
  console.error(`the rulebook does not hold: ${reasons.join("; ")}`);
  process.exit(2);
}

for await (const line of createInterface({ input: process.stdin })) {
  let question = null;
  try {
    question = JSON.parse(line);
  } catch {
    // no JSON, no question
  }
  process.stdout.write(`${JSON.stringify(decide(question))}\n`);
}
