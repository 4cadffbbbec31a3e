import { describe, expect, it } from "vitest";
import { AppError } from "#kit/app-error";
import { protocol, refusal } from "./protocol.ts";

const told = (error: AppError) => {
  const { status, body } = protocol.errorAnswer(error);
  return { status, ...(JSON.parse(String(body)) as { error_code: string; message: string; error_class?: string }) }; // as the protocol has it
};

describe("errors as MLflow's clients read them", () => {
  it("begin with the words of its own login, and go on with what to do", () => {
    const nobody = new AppError("unauthenticated", "This server needs a token.", { hint: "Send one." });
    expect(told(nobody)).toMatchObject({
      ...{ status: 401, error_code: "UNAUTHENTICATED", message: "You are not authenticated. This server needs a token. Send one." },
    });
    expect(told(new AppError("permission_denied", '"ana" lacks project:run.'))).toMatchObject({
      ...{ status: 403, error_code: "PERMISSION_DENIED", message: 'Permission denied. "ana" lacks project:run.' },
    });
  });

  it("have a class beside the code, but for what is not implemented", () => {
    expect(told(refusal("BAD_REQUEST", "x"))).toMatchObject({ status: 400, error_code: "BAD_REQUEST", error_class: "INVALID_PARAMETER_VALUE" });
    expect(told(refusal("RESOURCE_DOES_NOT_EXIST", "x"))).toMatchObject({ status: 404, error_class: "RESOURCE_NOT_FOUND" });
    expect(told(refusal("NOT_IMPLEMENTED", "x"))).toEqual({ status: 501, error_code: "NOT_IMPLEMENTED", message: "x" });
  });
});
