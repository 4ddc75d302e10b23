// examples/cells as the demo rewrites them: other ports, everything else as written; permissive and back.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { permissive, readDocuments, render, whileMigrating } from '../../demo/house/documents.ts';
import type { Ports } from '../../demo/house/ports.ts';
import { parseDocuments } from '../../src/model/parse.ts';

const folder = new URL('../../examples/cells', import.meta.url).pathname;
const counting = (): Ports => {
  let port = 40_000;
  return {
    next: async () => {
      port += 1;
      return port;
    },
  };
};

test('only the loopback ports change, comments stay', async () => {
  const { files, trustDomain, services, dependencies } = await readDocuments(folder, counting());
  expect(trustDomain).toBe('cells.gitlab.test');
  expect(services).toContain('cell-1/gitaly');
  const ports = dependencies.map(({ listen }) => listen);
  expect(new Set(ports).size).toBe(ports.length);
  expect(dependencies).toContainEqual(expect.objectContaining({ caller: 'cell-2/gitlab', target: 'cell-2/gitaly' }));
  expect(files.map(({ name }) => name)).toEqual(readdirSync(folder).sort());
  for (const { name, documents } of files) {
    const written = render(documents);
    const withoutPorts = (text: string): string => text.replaceAll(/listen: \d+/g, 'listen: *').trim();
    const original = readFileSync(`${folder}/${name}`, 'utf8');
    expect(withoutPorts(written)).toBe(withoutPorts(original));
    expect(parseDocuments(written, name)).toMatchObject({ kind: 'parsed' });
  }
});

test('permissive is a copy: the documents as read stay strict', async () => {
  const documents = await readDocuments(folder, counting());
  const acceptance = { service: 'topology-service', authority: 'old', certificates: 'PEM' };
  const text = permissive(documents, acceptance)
    .map((file) => render(file.documents))
    .join('---\n');
  expect(text).toContain('mode: permissive');
  expect(text).toContain('legacyAuthority: old');
  const original = documents.files.map((file) => render(file.documents)).join('---\n');
  expect(original).not.toContain('mode: permissive');
  expect(original).not.toContain('legacyAuthority');
});

test('the policies of the migration are valid, and known by their keys', () => {
  const { keys, text } = whileMigrating(['topology-service', 'cell-1/gitlab']);
  expect(parseDocuments(text, 'while-migrating.yaml')).toMatchObject({
    kind: 'parsed',
    documents: keys.map((key) => ({ key })),
  });
});
