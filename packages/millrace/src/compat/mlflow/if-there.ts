import { AppError } from "#kit/app-error";

/** What was looked for, or undefined where there is no such thing. That it could not be looked for remains an error. */
export async function ifThere<Found>(looked: Promise<Found>): Promise<Found | undefined> {
  try {
    return await looked;
  } catch (error) {
    if (error instanceof AppError && error.code === "not_found") return undefined;
    throw error;
  }
}
