/**
 * What a `tidepool.yaml` may say. Names are those of the command line's options in camel case; durations have
 * a unit. The server checks values again: here a mistake is told with its line.
 */
import { given } from "@tidepool/common";
import { cronProblem, isTimeZone } from "@tidepool/schedules";
import { z } from "zod";
import { parseDuration } from "./duration.ts";

const nameRule = /^[A-Za-z0-9_-]{1,64}$/;
const name = z.string().regex(nameRule, 'must be 1 to 64 letters, digits, "-" or "_"');

/** Milliseconds. */
const durationRule = "must be a duration such as 30s, 5m or 2h";
const duration = z
  .string(durationRule)
  .refine((text) => parseDuration(text) !== undefined, durationRule)
  .transform((text) => parseDuration(text) ?? 0);

/** YAML reads `8080` and `true` as no strings; in an environment they are meant as such. */
const text = z.union([z.string(), z.number(), z.boolean()]).transform(String);
const texts = z.record(z.string(), text);

const destination = z.union([
  z.strictObject({ function: name }),
  z.strictObject({ subject: z.string().min(1) }),
]);

const schedule = z
  .strictObject({
    cron: z.string().optional(),
    every: duration.optional(),
    at: z.iso.datetime({ offset: true }).optional(),
    timeZone: z.string().optional(),
    payload: z.json().optional(),
    flexible: duration
      .refine((ms) => ms % 60_000 === 0 && ms <= 86_400_000, "must be whole minutes, at most 24h")
      .optional(),
    missed: z.enum(["skip", "one", "all"]).optional(),
    paused: z.boolean().optional(),
    qualifier: z.string().optional(),
    description: z.string().optional(),
  })
  .refine(
    ({ cron, every, at }) => [cron, every, at].filter((when) => when !== undefined).length === 1,
    "needs exactly one of cron, every, at",
  )
  .superRefine(({ cron, timeZone }, context) => {
    if (cron === undefined) return;
    const message = cronProblem({ cron, ...given({ timeZone }) });
    if (message === undefined) return;
    const key = timeZone === undefined || isTimeZone(timeZone) ? "cron" : "timeZone";
    context.addIssue({ code: "custom", path: [key], message });
  });

const functionEntry = z.strictObject({
  path: z.string().optional(),
  runtime: z.string().optional(),
  handler: z.string().optional(),
  memory: z.int().positive().optional(),
  vcpus: z.int().positive().optional(),
  timeout: duration.optional(),
  initTimeout: duration.optional(),
  keepAlive: duration.optional(),
  snapshotInit: z.boolean().optional(),
  singleUse: z.boolean().optional(),
  network: z.enum(["none", "internet"]).optional(),
  environment: texts.optional(),
  secrets: z.record(z.string(), name).optional(),
  description: z.string().optional(),
  tags: texts.optional(),
  prediction: z.enum(["inherit", "on", "shadow", "off"]).optional(),
  price: z.number().nonnegative().optional(),
  reservedConcurrency: z.int().nonnegative().optional(),
  rateLimit: z
    .strictObject({ callsPerSecond: z.number().positive(), burst: z.int().positive().optional() })
    .optional(),
  provisioned: z
    .array(
      z.strictObject({
        count: z.int().positive(),
        from: z.string().optional(),
        for: duration.optional(),
        timeZone: z.string().optional(),
      }),
    )
    .optional(),
  async: z
    .strictObject({
      retries: z.int().nonnegative().optional(),
      maxAge: duration.optional(),
      onSuccess: destination.optional(),
      onFailure: destination.optional(),
    })
    .optional(),
  url: z
    .union([
      z.literal(true).transform(() => ({})),
      z.strictObject({
        methods: z.array(z.string()).optional(),
        cors: z.array(z.string()).optional(),
        qualifier: z.string().optional(),
      }),
    ])
    .optional(),
  schedules: z.record(name, schedule).optional(),
});

export const projectSchema = z.strictObject({
  functions: z.record(name, functionEntry),
});

export type ProjectFunction = z.infer<typeof functionEntry>;
export type ProjectSchedule = z.infer<typeof schedule>;
export type Project = z.infer<typeof projectSchema>;
