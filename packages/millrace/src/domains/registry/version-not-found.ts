import { AppError } from "#kit/app-error";

export function versionNotFound(model: string, version: number): AppError {
  return new AppError("not_found", `Model "${model}" has no version ${version}.`, { hint: `millrace models show ${model}` });
}
