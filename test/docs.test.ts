// The pages stay true where a machine can tell: links lead somewhere, npm scripts and dependencies named are those there are, and the
// README's tutorial keeps its promise of length.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { faultRows } from './qualification/identity/faults.ts';
import { readmeTutorial } from './qualification/support/readme-tutorial.ts';
import { meshText, problemsOf, yaml } from './support/resolve-text.ts';
import { projectRoot, sourceFiles } from './support/source-files.ts';

const atRoot = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'SECURITY.md'].map((path) => ({
  path,
  text: readFileSync(join(projectRoot, path), 'utf8'),
}));
const pages = [...atRoot, ...sourceFiles(['docs'], ['.md'])];
const manifest: {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies?: unknown;
  readonly devDependencies: Readonly<Record<string, string>>;
} = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8'));

describe('the pages', () => {
  it('link to what is there', () => {
    const broken = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => target)
        // Written by a qualification run.
        .filter((target) => !target.endsWith('qualification.md'))
        .filter((target) => !existsSync(join(projectRoot, dirname(path), target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  it('name, in the threat model, tests that there are, for every row of what holds of the CA and of identities', () => {
    const rows = faultRows(projectRoot);
    expect(rows.length).toBeGreaterThan(25);
    const missing = rows.flatMap(({ tests }) => tests).filter((file) => !existsSync(join(projectRoot, file)));
    expect(missing).toEqual([]);
  });

  it('name npm scripts that there are', () => {
    const named = pages.flatMap(({ text }) => [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => name));
    expect([...new Set(named)].filter((name) => !Object.hasOwn(manifest.scripts, name))).toEqual([]);
  });

  it('begin, in the README, with the two commands', () => {
    const readme = atRoot[0]?.text ?? '';
    expect(readme).toMatch(/^# Cellwall\n\n```sh\nnpm run demo .*\nnpm cit .*\n```\n/);
  });

  it('tell of every dependency and its reason; the package has none of its own', () => {
    const page = readFileSync(join(projectRoot, 'docs/dependencies.md'), 'utf8');
    expect(manifest.dependencies).toBeUndefined();
    expect(Object.keys(manifest.devDependencies).filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  it('show documents that are valid, with a Mesh before them, and nothing to warn of', () => {
    const readme = atRoot[0]?.text ?? '';
    const blocks = [...readme.matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text);
    expect(blocks.length).toBeGreaterThan(1);
    for (const block of blocks) {
      const text = block.includes('kind: Mesh') ? block : `${yaml(meshText())}---\n${block}`;
      expect(problemsOf(text)).toEqual([]);
    }
  });

  it('promise five minutes: at most 6 commands and 20 lines of YAML', () => {
    const { commands, yaml } = readmeTutorial(projectRoot);
    expect(commands.length).toBeLessThanOrEqual(6);
    expect(yaml.split('\n').filter((line) => line.trim() !== '').length).toBeLessThanOrEqual(20);
  });
});
