// Every exit code there is: a contract with scripts. docs/cli.md and the help are made of it.

export const exitCodes = {
  0: { short: 'fine', means: 'fine. `status` is fine too where it shows problems: it was asked what there is' },
  1: {
    short: 'failed',
    means:
      'failed: what was asked for could not be done (no control plane, no such file or document, a value that it ' +
      'cannot take), or the gate refused it. `sidecar`: Envoy ended by itself',
  },
  2: { short: 'usage', means: 'the command line cannot be understood: nothing was tried' },
  3: {
    short: 'differs or invalid',
    means:
      'the answer is no: documents are invalid (every command that takes them), `diff` differs, `explain ' +
      '--expect` is not so, `simulate` finds calls that would newly be refused, `import` differs, the chain of ' +
      '`audit` is broken',
  },
  4: {
    short: 'the gate would refuse',
    means:
      '`--dry-run` of `apply`, `delete` and `rollback`: the documents are valid, but the [gate](cut-over.md) ' +
      'would refuse the change without `--force`',
  },
} as const;

export type ExitCode = keyof typeof exitCodes;
