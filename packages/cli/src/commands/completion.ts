/** `tidepool completion` and what its scripts ask: the words that can come next. */
import { RootCommand, script } from "@bomb.sh/tab";
import type { Command as Described } from "@bomb.sh/tab";
import type { Argument, Command, Option } from "commander";
import { TidepoolClient } from "@tidepool/sdk";
import { readToken } from "../client.ts";
import type { Terminal } from "../terminal/terminal.ts";

/** A person waits with a finger on the key: without a system names are simply missing. */
const namesTimeoutMs = 300;

/**
 * The script takes the words of the line with a function of the package bash-completion, which many machines
 * lack. Bash's own words do, but for "=" and ":": those end a word, and are put together again.
 */
const bashWords = `if ! declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref() {
        local i glued=0
        words=()
        for ((i = 0; i <= COMP_CWORD; i++)); do
            local word=\${COMP_WORDS[i]}
            if ((i > 1)) && [[ $word == [=:]* || $glued == 1 ]]; then
                words[\${#words[@]}-1]+=$word
            else
                words+=("$word")
            fi
            if [[ $word == *[=:] ]]; then glued=1; else glued=0; fi
        done
        cword=$((\${#words[@]} - 1))
        cur=\${words[cword]}
        prev=\${words[cword - 1]}
    }
fi
`;

/** Bash alone takes whole words, `--option=value`; readline, for which "=" ends a word, is given what follows it. */
const bashValues = `
__tidepool_complete_word() {
    local cur prev words cword
    _get_comp_words_by_ref -n "=:" cur prev words cword
    __tidepool_complete
    if [[ $cur == --*=* && $COMP_WORDBREAKS == *=* ]]; then
        COMPREPLY=("\${COMPREPLY[@]#"\${cur%%=*}="}")
    fi
}
complete -o default -F __tidepool_complete_word tidepool
`;

/** What the script calls: the command that was typed, where it is no program of the search path. */
export function printCompletionScript(shell: string, terminal: Terminal): void {
  const asked = process.env["TIDEPOOL_COMMAND"] ?? "tidepool";
  if (shell !== "bash") return script(shell, "tidepool", asked);
  terminal.out(bashWords);
  script(shell, "tidepool", `${asked} ${wholeWords}`);
  terminal.out(bashValues);
}

/** Before "complete": the candidates for `--option=part` repeat the option. */
const wholeWords = "whole-words";

export interface CompletionRequest {
  /** The last of them is being typed. */
  readonly words: readonly string[];
  readonly wholeWords: boolean;
  readonly address: string;
}

/** Prints what can follow the words. */
export async function complete(
  request: CompletionRequest,
  program: Command,
  terminal: Terminal,
): Promise<void> {
  const { words } = request;
  if (takesFile(words, program)) return terminal.out(`${shellsOwnFiles}\n`);
  const names = await functionNames(request.address);
  const values = optionWords(words, program, names);
  if (values !== undefined) {
    const lines = request.wholeWords ? values : values.map((word) => word.replace(/^[^=]*=/, ""));
    return terminal.out(`${[...lines, noFiles].join("\n")}\n`);
  }
  const root = new RootCommand();
  describe(root, program, names);
  describeAll(root, program, "", names);
  root.parse([...words]);
}

/** What the scripts take for: complete no file names. */
const noFiles = ":4";

/** What they take for: complete file names as ever. */
const shellsOwnFiles = ":0";

/** Whether the word being typed names a file: as an argument, or after an option or its "=". */
export function takesFile(words: readonly string[], program: Command): boolean {
  const { command, positional } = placeOf(words, program);
  const typed = words.at(-1) ?? "";
  const [, long = words.at(-2)] = /^(--[^=]+)=/.exec(typed) ?? [];
  const option = optionOf(long, command, program);
  if (option?.required === true) return /<(dir|path|file)\b/.test(option.flags);
  if (typed.startsWith("-")) return false;
  const { registeredArguments: all } = command;
  const argument = all[positional] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined);
  return /^(file|folder|path)$/.test(argument?.name() ?? "");
}

function optionOf(
  word: string | undefined,
  command: Command,
  program: Command,
): Option | undefined {
  const options = word === undefined ? [] : [...command.options, ...program.options];
  return options.find(({ long, short }) => long === word || short === word);
}

/** The command that the words before the last one name, and how many of its arguments they give. */
function placeOf(
  words: readonly string[],
  program: Command,
): { readonly command: Command; readonly positional: number } {
  let command = program;
  let positional = 0;
  let takesNext = false;
  for (const word of words.slice(0, -1)) {
    const isValue = takesNext;
    takesNext = false;
    if (isValue) continue;
    if (word.startsWith("-")) {
      const option = optionOf(word, command, program);
      takesNext = option?.required === true;
      continue;
    }
    const child =
      positional > 0 ? undefined : command.commands.find((each) => each.name() === word);
    if (child === undefined) positional += 1;
    else command = child;
  }
  return { command, positional };
}

/** What `--option=part` can become; undefined where no such word is being typed, or nothing is known of its values. */
function optionWords(
  words: readonly string[],
  program: Command,
  names: readonly string[],
): readonly string[] | undefined {
  const [, long, part = ""] = /^(--[^=]+)=(.*)$/s.exec(words.at(-1) ?? "") ?? [];
  const { command } = placeOf(words, program);
  const option = optionOf(long, command, program);
  return option === undefined
    ? undefined
    : optionValues(option, names)
        ?.filter((value) => value.startsWith(part))
        .map((value) => `${option.long ?? ""}=${value}`);
}

function optionValues(option: Option, names: readonly string[]): readonly string[] | undefined {
  return option.argChoices ?? (option.long === "--function" ? names : undefined);
}

async function functionNames(address: string): Promise<readonly string[]> {
  try {
    const client = await TidepoolClient.connect(address, {
      connectTimeoutMs: namesTimeoutMs,
      ...(await readToken({})),
    });
    try {
      const functions = await client.listFunctions({ timeoutMs: namesTimeoutMs });
      return functions.map(({ name }) => name);
    } finally {
      client.close();
    }
  } catch {
    return [];
  }
}

function describeAll(
  root: RootCommand,
  parent: Command,
  path: string,
  names: readonly string[],
): void {
  for (const child of parent.createHelp().visibleCommands(parent)) {
    const childPath = path === "" ? child.name() : `${path} ${child.name()}`;
    describe(root.command(childPath, child.description()), child, names);
    describeAll(root, child, childPath, names);
  }
}

function describe(described: Described, command: Command, names: readonly string[]): void {
  for (const option of command.createHelp().visibleOptions(command))
    describeOption(described, option, names);
  for (const argument of command.registeredArguments) {
    const values = valuesOf(argument, names);
    described.argument(
      argument.name(),
      values === undefined ? undefined : (add) => values.forEach((value) => add(value, "")),
      argument.variadic,
    );
  }
}

function describeOption(described: Described, option: Option, names: readonly string[]): void {
  const long = option.long?.replace(/^--/, "");
  if (long === undefined) return;
  const short = option.short?.replace(/^-/, "");
  const takesValue = option.required || option.optional;
  if (!takesValue) described.option(long, option.description, short);
  else
    described.option(
      long,
      option.description,
      (add) => optionValues(option, names)?.forEach((value) => add(value, "")),
      short,
    );
}

/** Undefined where nothing is known of them. */
function valuesOf(argument: Argument, names: readonly string[]): readonly string[] | undefined {
  if (argument.argChoices !== undefined) return argument.argChoices;
  return argument.name() === "function" ? names : undefined;
}
