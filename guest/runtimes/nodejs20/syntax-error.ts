/**
 * V8 knows where a module's syntax is wrong, and Node tells it only when it prints the error itself. The
 * debugger's protocol tells it too: it is asked when a module has not parsed, by loading it once more (none
 * of it has run, so nothing runs twice). What does not link tells its place then by itself.
 */
import { Session } from "node:inspector";
import type { Debugger, Runtime } from "node:inspector";

const heldAs = "__tidepoolSyntaxError";

/** A name under which Node has not loaded the module yet. */
const anew = "?anew";

/** Loads a module; when its syntax is wrong, in it or in what it imports, the error says where. */
export async function locatingSyntaxErrors<T>(url: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (thrown) {
    if (thrown instanceof SyntaxError && !hasPlace(thrown)) await locate(thrown, url);
    throw thrown;
  }
}

async function locate(error: SyntaxError, url: string): Promise<void> {
  const session = new Session();
  session.connect();
  const urls = new Map<string, string>();
  session.on("Debugger.scriptFailedToParse", ({ params }) => {
    const { scriptId, url: failed } = params as Debugger.ScriptFailedToParseEventDataType;
    urls.set(scriptId, failed);
  });
  session.post("Runtime.enable");
  session.post("Debugger.enable");
  try {
    await import(url + anew);
  } catch (thrown) {
    if (!(thrown instanceof SyntaxError)) return;
    const details = detailsOf(session, thrown);
    const failed = urls.get(details?.scriptId ?? "");
    if (hasPlace(thrown)) error.stack = (thrown.stack ?? "").replaceAll(anew, "");
    else if (details !== undefined && failed !== undefined) {
      const { lineNumber, columnNumber } = details;
      const file = failed.replace(anew, "");
      addPlace(error, `${file}:${String(lineNumber + 1)}:${String(columnNumber + 1)}`);
    }
  } finally {
    session.disconnect();
  }
}

/** Errors of CommonJS modules begin with it, those of linking and of running code have it in a line. */
function hasPlace({ stack = "" }: Error): boolean {
  const notTheirs = /node:internal\/|\/opt\/tidepool\//;
  return stack.split("\n").some((line) => /\/.*:\d/.test(line) && !notTheirs.test(line));
}

function detailsOf(session: Session, error: SyntaxError): Runtime.ExceptionDetails | undefined {
  let details: Runtime.ExceptionDetails | undefined;
  Object.defineProperty(globalThis, heldAs, { value: error, configurable: true });
  session.post("Runtime.evaluate", { expression: heldAs }, (_failure, held) => {
    const { objectId } = held.result;
    if (objectId === undefined) return;
    const post = session.post.bind(session) as unknown as PostUntyped;
    post("Runtime.getExceptionDetails", { errorObjectId: objectId }, (_refusal, answer) => {
      details = answer?.exceptionDetails;
    });
  });
  Reflect.deleteProperty(globalThis, heldAs);
  return details;
}

/** The types of Node 20 do not know this method of the protocol. */
type PostUntyped = (
  method: string,
  parameters: object,
  done: (
    failure: Error | null,
    answer?: { readonly exceptionDetails?: Runtime.ExceptionDetails },
  ) => void,
) => void;

function addPlace(error: SyntaxError, place: string): void {
  const text = String(error);
  error.message = `${error.message} (${place.replace("file://", "")})`;
  error.stack = `${place}\n${text}\n    at ${place}`;
}
