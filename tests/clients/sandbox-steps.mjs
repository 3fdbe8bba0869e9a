// The job that every client does in the sandboxes: what it calls, and what of a result is looked at.

import { expect, step } from './steps.mjs';

const CSV =
  "printf 'city,degrees\\nOslo,4\\nRome,19\\nCairo,28\\n' > /work/cities.csv && " +
  'tail -n +2 cities.csv | sort -t, -k2 -n -r | head -1 | cut -d, -f1';
const PYTHON = `
import csv, sqlite3, statistics
rows = [(row["city"], int(row["degrees"])) for row in csv.DictReader(open("/work/cities.csv"))]
base = sqlite3.connect(":memory:")
base.execute("create table cities (city text, degrees integer)")
base.executemany("insert into cities values (?, ?)", rows)
print(statistics.mean(degrees for _, degrees in rows), base.execute("select max(degrees) from cities").fetchone()[0])
def above(degrees):
    return [city for city, own in rows if own > degrees]
`;

/** Does the job; `call` calls a tool and gives its result. */
export async function work(call) {
  const { environmentId } = contentOf(await call('launchShell', {}));
  const run = async (name, tool, more) => {
    const { stdout, stderr, exitCode } = contentOf(await call(tool, { environmentId, ...more }));
    expect(exitCode === 0, `${name} ended with ${exitCode}: ${stderr}`);
    step(name, { stdout });
  };
  await run('shell', 'runShellCommandInRemoteEnvironment', { shellCommand: CSV });
  await run('python', 'runPythonCodeInRemoteEnvironment', { pythonCode: PYTHON });
  await run('next', 'runPythonCodeInRemoteEnvironment', { pythonCode: 'print(above(5))' });
}

function contentOf(result) {
  expect(!result.isError && result.structuredContent, `the tool failed: ${JSON.stringify(result)}`);
  return result.structuredContent;
}
