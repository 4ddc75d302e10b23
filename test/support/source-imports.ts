// Reads what a TypeScript source imports, for the tests that hold the architecture: static, dynamic and re-exporting forms.
export interface SourceImport {
  readonly specifier: string;
  /** `import type` and `export type`: gone at run time. */
  readonly typeOnly: boolean;
  /** 1-based. */
  readonly line: number;
}

const statement = /^(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm;
const dynamic = /\bimport\(\s*'([^']+)'\s*\)/g;

/** Every module a source names. Biome's formatting (single quotes, statements at the line's start) is taken as given. */
export function sourceImports(text: string): readonly SourceImport[] {
  const found: SourceImport[] = [];
  const lineAt = (index: number): number => text.slice(0, index).split('\n').length;
  for (const match of text.matchAll(statement)) {
    const [, type, specifier] = match;
    if (specifier === undefined) continue;
    found.push({ specifier, typeOnly: type !== undefined, line: lineAt(match.index) });
  }
  for (const match of text.matchAll(dynamic)) {
    const [, specifier] = match;
    if (specifier !== undefined) found.push({ specifier, typeOnly: false, line: lineAt(match.index) });
  }
  return found;
}
