// Sums vitest's JSON reports into one line, `N passed, N failed, N skipped`. Exits 1 when a test failed or was skipped, when a
// report is missing, or when a step beside the tests failed (first argument: how many). Old syntax: see setup.cjs.
'use strict';
const fs = require('fs');

const failedSteps = Number(process.argv[2]);
let passed = 0;
let failed = failedSteps;
let skipped = 0;
for (const file of process.argv.slice(3)) {
  let report;
  try {
    report = JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (reason) {
    process.stdout.write(`no test report ${file}: ${reason.message}\n`);
    failed += 1;
    continue;
  }
  passed += report.numPassedTests;
  failed += report.numFailedTests;
  // A file that could not be loaded has no failed test of its own.
  failed += report.testResults.filter(
    (suite) => suite.status === 'failed' && suite.assertionResults.length === 0,
  ).length;
  skipped += report.numPendingTests + report.numTodoTests;
  for (const suite of report.testResults) {
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') continue;
      process.stdout.write(`${test.status}: ${suite.name}: ${test.fullName}\n`);
      // The end of a long log is often all that is kept of it: why a test failed stands there, too.
      for (const message of test.failureMessages || []) process.stdout.write(`${firstLines(message)}\n`);
    }
  }
}

function firstLines(message) {
  const lines = message.split('\n').filter((line) => !/^\s+at /.test(line));
  return lines
    .slice(0, 12)
    .map((line) => `    ${line.slice(0, 400)}`)
    .join('\n');
}

process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
process.exitCode = failed === 0 && skipped === 0 && passed > 0 ? 0 : 1;
