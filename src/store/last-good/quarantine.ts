// Documents under which the process died again and again: as long as they are what they were, they are not put in force. Pure.
import type { DocumentKey } from '../../model/documents/document.ts';
import type { ParsedDocument } from '../../model/parsed-document.ts';
import { textDigest } from './digest.ts';
import type { Quarantine } from './start-guard.ts';

type Documents = readonly Pick<ParsedDocument, 'key' | 'text'>[];

/** What differs from what is in force. */
export function quarantineOf(inForce: Documents, found: Documents): Quarantine {
  const before = new Map(inForce.map(({ key, text }) => [key, text]));
  const there = new Set(found.map(({ key }) => key));
  const changed = found.filter(({ key, text }) => before.get(key) !== text);
  return new Map([
    ...changed.map(({ key, text }): [string, string] => [key, textDigest(key, text)]),
    ...inForce.filter(({ key }) => !there.has(key)).map(({ key }): [string, null] => [key, null]),
  ]);
}

/** Which of the documents are in quarantine, and not in force. */
export function quarantined(quarantine: Quarantine, inForce: Documents, found: Documents): readonly DocumentKey[] {
  if (quarantine.size === 0) return [];
  const before = new Map(inForce.map(({ key, text }) => [key, text]));
  const there = new Map(found.map(({ key, text }) => [key, text]));
  const keys = [...new Set([...there.keys(), ...before.keys()])];
  return keys.filter((key) => {
    const known = quarantine.get(key);
    const text = there.get(key);
    if (known === undefined || before.get(key) === text) return false;
    return known === (text === undefined ? null : textDigest(key, text));
  });
}
