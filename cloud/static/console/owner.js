// Whose something new shall be: the platform's staff says, where there are several operators.

import { all } from "./api.js";
import { t } from "./words.js";

/** {operator: field} for a form; {} for an operator's own staff, and where there is one operator or none. `none`: a
 *  word for nobody's, where that may be. The field's `names` are operators by id. */
export async function ownerField(me, { none } = {}) {
  if (me.operator_id) return {};
  const operators = await Array.fromAsync(all("/operators", "operators"));
  const choices = operators.map((one) => [one.operator_id, one.name]);
  if (operators.length < 2 && !none) return {};
  const names = new Map(choices);
  return { operator: { label: t("operators.one"), kind: "select", names, choices: none ? [["", none], ...choices] : choices } };
}
