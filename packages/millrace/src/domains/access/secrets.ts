import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "#kit/app-error";
import type { Clock } from "#kit/clock";
import { writeFileIfAbsent } from "#kit/files";
import { newSecretKey, openSecret, parseSecretKeys, type SecretKey, type Secrets, sealSecret } from "#kit/secret-box";
import { sql } from "#kit/sql";
import type { Database } from "#ports/database";

export interface SecretPlaces {
  state: Database;
  clock: Clock;
  /** The folder with the key file, which is made when it is first needed. */
  home: string;
  environment: Record<string, string | undefined>;
}

const variable = "MILLRACE_SECRET_KEY";
const fileName = "secret.key";

/**
 * Secrets sealed with the keys of the variable `MILLRACE_SECRET_KEY` and then those of the file `secret.key` in the home: the first
 * seals, all of them open. Where there is neither, the first use makes the file, for its owner alone; but not where the database knows
 * of a key already (a copy without its home, a second home): another key would only part what belongs together.
 */
export function openSecrets(places: SecretPlaces): Secrets {
  let loaded: Promise<[SecretKey, ...SecretKey[]]> | undefined;
  const keys = () =>
    (loaded ??= loadKeys(places).catch((error: unknown) => {
      loaded = undefined; // what is missing may be there the next time
      throw error;
    }));
  return {
    async seal(secret, place) {
      return sealSecret((await keys())[0], secret, place);
    },
    async open(sealed, place) {
      const known = await keys();
      const key = known.find(({ id }) => id === sealed.key);
      if (key === undefined) throw missing(places, `The secret of ${place} was sealed with the key ${sealed.key}`, known);
      return openSecret(key, sealed, place);
    },
    sealingKey: async () => (await keys())[0].id,
  };
}

async function loadKeys(places: SecretPlaces): Promise<[SecretKey, ...SecretKey[]]> {
  const { state, clock, home, environment } = places;
  const given = environment[variable];
  const file = join(home, fileName);
  // Asked before the file is looked at: another process that makes the key at this moment writes the file first.
  const known = await state.get<{ id: string }>(sql`select id from access_secret_key order by first_ms desc, id limit 1`);
  const keys = [...(given ? parseSecretKeys(given, variable) : []), ...(await keysOfFile(file))];
  if (keys.length === 0) {
    if (known !== undefined) throw missing(places, `Secrets here were sealed with the key ${known.id}`, []);
    await writeFileIfAbsent(file, `${newSecretKey()}\n`, { mode: 0o600 });
    keys.push(...(await keysOfFile(file))); // another process may have been first
  }
  const [first, ...more] = keys as [SecretKey, ...SecretKey[]]; // there is one by now
  await state.run(sql`insert into access_secret_key (id, first_ms) values (${first.id}, ${clock.now()}) on conflict (id) do nothing`);
  return [first, ...more];
}

async function keysOfFile(file: string): Promise<SecretKey[]> {
  const found = await stat(file).catch((error: unknown) => {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return [];
  if (process.platform !== "win32" && (found.mode & 0o077) !== 0)
    throw new AppError("permission_denied", `Others may read the key in ${file}.`, { hint: `chmod 600 ${file}` });
  return parseSecretKeys(await readFile(file, "utf8"), file);
}

function missing({ home }: SecretPlaces, what: string, known: SecretKey[]): AppError {
  const here = known.length === 0 ? "no key is here" : `here ${known.length === 1 ? "is" : "are"} ${known.map(({ id }) => id).join(", ")}`;
  return new AppError("invalid_config", `${what}, and ${here}.`, {
    hint: `Give it in ${variable}, or bring back ${join(home, fileName)} from the home in which it was made; or give what it sealed a new secret.`,
  });
}
