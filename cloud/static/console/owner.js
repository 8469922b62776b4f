// Whose something new shall be: the platform's staff says, where there are several operators.

import { all } from "./api.js";
import { t } from "./words.js";

/** {operator: field} for a form; {} for an operator's own staff, and where there is one operator or none. */
export async function ownerField(me) {
  if (me.operator_id) return {};
  const operators = await Array.fromAsync(all("/operators", "operators"));
  if (operators.length < 2) return {};
  return { operator: { label: t("operators.one"), kind: "select", choices: operators.map((one) => [one.operator_id, one.name]) } };
}
