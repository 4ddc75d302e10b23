// A rule of the linter: checks one message (and its context), and says what is wrong with it.
import { type DescMessage, isMessage, type Message, type MessageShape } from '@bufbuild/protobuf';

/** `[code, message]` for each finding. */
export type Wrong = readonly [code: string, message: string];

/**
 * `ancestors`: outermost first. Below the outermost message of a listener, cluster or route configuration a rule asks of it no more than
 * its type and direction. Inside an Any it asks of messages outside of that only for the type of the last; and inside what a composed
 * message shares with others (wire/compose.ts), of that message and those around it only for what they share, too. What is the same there
 * is looked into once (linter.ts).
 */
export type Rule = (message: Message, ancestors: readonly Message[]) => readonly Wrong[];

/** The types of messages that a rule is about. Absent: all. */
const typesOf = new WeakMap<Rule, ReadonlySet<string>>();

/** A rule about messages of these types, which no other message is shown to. */
export function about<D extends DescMessage>(
  schemas: readonly D[],
  rule: (message: MessageShape<D>, ancestors: readonly Message[]) => readonly Wrong[],
): Rule {
  const checked: Rule = (message, ancestors) => {
    const schema = schemas.find((one) => isMessage(message, one));
    return schema !== undefined && isMessage(message, schema) ? rule(message, ancestors) : [];
  };
  typesOf.set(checked, new Set(schemas.map(({ typeName }) => typeName)));
  return checked;
}

/** For each message those that are about its type: most messages are of types that no rule is about. */
export function byType(rules: readonly Rule[]): (message: Message) => readonly Rule[] {
  const found = new Map<string, readonly Rule[]>();
  return ({ $typeName }) => {
    const there = found.get($typeName);
    if (there !== undefined) return there;
    const those = rules.filter((rule) => typesOf.get(rule)?.has($typeName) ?? true);
    // Names of types come from schemas alone: there is an end to them.
    found.set($typeName, those);
    return those;
  };
}
