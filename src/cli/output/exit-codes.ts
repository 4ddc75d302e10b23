// Every exit code: a contract with scripts. docs/cli.md and the help are generated from it.

export const exitCodes = {
  0: { short: 'fine', means: 'success. `status` also exits with 0 if it shows problems' },
  1: {
    short: 'failed',
    means:
      'failed: the request could not be carried out (no control plane, no such file or document, an unacceptable ' +
      'value), or the gate refused it. `sidecar`: Envoy exited by itself',
  },
  2: { short: 'usage', means: 'the command line cannot be understood: nothing was tried' },
  3: {
    short: 'differs or invalid',
    means:
      'the answer is no: documents are invalid (every command that takes them), `diff` finds differences, ' +
      '`explain --expect` does not match, `simulate` finds calls that would newly be denied, `import` ' +
      'finds differences, the chain of `audit` is broken, `doctor` finds a cause',
  },
  4: {
    short: 'the gate would refuse',
    means:
      '`--dry-run` of `apply`, `delete` and `rollback`: the documents are valid, but the [gate](cut-over.md) ' +
      'would refuse the change without `--force`, or it would be held without `--confirm` ([limits](limits.md))',
  },
  5: {
    short: 'would change',
    means: '`apply --dry-run --detailed-exit-code`: the documents are valid, and applying them would change something',
  },
  6: {
    short: 'unknown',
    means:
      '`doctor`: nothing was found, and not enough could be looked at to say that nothing is wrong; `audit verify`: nothing was ' +
      'found, and what was given cannot tell; `not seen`, `not known` (`unseen`) says what',
  },
} as const;

export type ExitCode = keyof typeof exitCodes;
