// Sums vitest's JSON reports into one line, `N passed, N failed, N skipped`. Beside NAME.json may lie NAME-again.json, of the files
// that failed and were run once more: a test that passed then is counted as passed, and named. Exits 1 when a test failed or was
// skipped, when a report is missing, or when a step beside the tests failed (first argument: how many). NAME-canary.json says whether
// a key or token was found in what that run said (test/support/canary/): one found is a failure, whatever a second run says, and with
// CELLWALL_CANARY=1 so is a missing file.
// Old syntax: see setup.cjs.
'use strict';
const fs = require('fs');

const failedSteps = Number(process.argv[2]);
const sums = { passed: 0, failed: failedSteps, skipped: 0 };
for (const file of process.argv.slice(3)) {
  const first = read(file);
  if (first === undefined) {
    process.stdout.write(`no test report ${file}\n`);
    sums.failed += 1;
    continue;
  }
  const again = read(file.replace(/\.json$/, '-again.json'));
  canary(file);
  if (again) canary(file.replace(/\.json$/, '-again.json'));
  const suitesAgain = new Map((again ? again.testResults : []).map((suite) => [suite.name, suite]));
  for (const suite of first.testResults) count(suite, suitesAgain.get(suite.name));
}
process.stdout.write(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped\n`);
process.exitCode = sums.failed === 0 && sums.skipped === 0 && sums.passed > 0 ? 0 : 1;

function read(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

function count(suite, again) {
  // A file that could not be loaded, or whose hooks failed, may have no failed test of its own.
  const hasFailed = suite.assertionResults.some((test) => test.status === 'failed');
  if (suite.status === 'failed' && !hasFailed) {
    if (again && again.status === 'passed') {
      process.stdout.write(`only when run again: ${suite.name}\n`);
      for (const test of again.assertionResults) tally(test.status);
      return;
    }
    sums.failed += 1;
  }
  for (const test of suite.assertionResults) {
    if (test.status !== 'failed') {
      tally(test.status);
      if (test.status !== 'passed') process.stdout.write(`${test.status}: ${suite.name}: ${test.fullName}\n`);
      continue;
    }
    const second = again && again.assertionResults.find((other) => other.fullName === test.fullName);
    const held = second !== undefined && second.status === 'passed' && again.status === 'passed';
    tally(held ? 'passed' : 'failed');
    process.stdout.write(`${held ? 'only when run again' : 'failed'}: ${suite.name}: ${test.fullName}\n`);
    // The end of a long log is often all that is kept of it: why a test failed stands there, too.
    for (const message of test.failureMessages || []) process.stdout.write(`${firstLines(message)}\n`);
  }
}

function canary(report) {
  const verdict = read(report.replace(/\.json$/, '-canary.json'));
  if (verdict === undefined) {
    if (process.env.CELLWALL_CANARY !== '1') return;
    process.stdout.write(`nobody looked for keys and tokens in the run of ${report}\n`);
    sums.failed += 1;
  } else if (verdict.failed) {
    for (const place of verdict.found) process.stdout.write(`failed: found: ${place}\n`);
    for (const reason of verdict.unused) process.stdout.write(`failed: an exception of no use: ${reason}\n`);
    sums.failed += 1;
  }
}

function tally(status) {
  if (status === 'passed') sums.passed += 1;
  else if (status === 'failed') sums.failed += 1;
  else sums.skipped += 1;
}

function firstLines(message) {
  const lines = message.split('\n').filter((line) => !/^\s+at /.test(line));
  return lines
    .slice(0, 12)
    .map((line) => `    ${line.slice(0, 400)}`)
    .join('\n');
}
