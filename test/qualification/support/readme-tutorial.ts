// The README's tutorial, as a machine can follow it: its YAML and its commands, exactly as printed.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Tutorial {
  readonly yaml: string;
  readonly yamlFile: string;
  readonly commands: readonly string[];
}

export function readmeTutorial(root: string): Tutorial {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const heading = '## Your two services in five minutes';
  const start = readme.indexOf(heading);
  const end = readme.indexOf('\n## ', start + heading.length);
  const section = readme.slice(start, end);
  const blocks = [...section.matchAll(/```(yaml|sh)\n([\s\S]*?)```/g)];
  const yaml = blocks.filter(([, language]) => language === 'yaml').map(([, , text = '']) => text);
  const commands = blocks
    .filter(([, language]) => language === 'sh')
    .flatMap(([, , text = '']) => text.split('\n'))
    .filter((line) => line.trim() !== '' && !line.startsWith('#'));
  const yamlFile = /save this as\s+`([^`]+)`/.exec(section)?.[1];
  if (start < 0 || yaml.length !== 1 || yamlFile === undefined || commands.length === 0)
    throw new Error('README.md has no tutorial that can be followed');
  return { yaml: yaml.join(''), yamlFile, commands };
}
