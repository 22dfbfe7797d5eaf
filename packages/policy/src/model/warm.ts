/**
 * Whether an instance is kept or loaded for the next slot: while the probability of a call is worth its
 * price. The price is the cost of a warm slot as a share of the cost of a cold start. An instance that is
 * on is not dropped for a short pause, since to load it again costs too. What it costs is counted
 * beside what a fixed keep-alive would have cost on the same calls.
 */

export interface WarmPolicy {
  /** Cost of a warm slot over the cost of a cold start. */
  readonly price: number;
  /** An instance that is on stays on while the probability is worth this share of the price. */
  readonly stayShare: number;
  /** An instance that is on stays on when a slot worth its price is at most so many slots ahead. */
  readonly bridgeSlots: number;
  /** The fixed keep-alive that is held against the forecast, in slots. */
  readonly keepAliveSlots: number;
  /** Waste may exceed the fixed keep-alive's by this factor, and no more. */
  readonly wasteFactorMax: number;
}

/** What the forecast and the fixed keep-alive have cost lately, in cold starts. Both are always counted. */
export interface WarmAccount {
  isOn: boolean;
  forecastCost: number;
  forecastWaste: number;
  keepAliveCost: number;
  keepAliveWaste: number;
}

/** The probability of a call so many slots ahead of the one decided on, if none comes before. */
export type Ahead = (slots: number) => number;

/** Share of an account that still counts one call later. */
const accountKept = 0.97;
export function createAccount(): WarmAccount {
  return { isOn: false, forecastCost: 0, forecastWaste: 0, keepAliveCost: 0, keepAliveWaste: 0 };
}

/** Whether the forecast alone would be on. */
export function wantsWarm(
  account: Pick<WarmAccount, "isOn">,
  policy: WarmPolicy,
  ahead: Ahead,
): boolean {
  if (!account.isOn) return ahead(0) > policy.price;
  if (ahead(0) > policy.price * policy.stayShare) return true;
  for (let slots = 1; slots <= policy.bridgeSlots; slots += 1)
    if (ahead(slots) > policy.price) return true;
  return false;
}

/** The slot has passed: whether the forecast wanted it warm, and how long after the newest call it was. */
export function settleWarm(
  account: WarmAccount,
  policy: WarmPolicy,
  slot: { readonly wanted: boolean; readonly age: number; readonly isHit: boolean },
): void {
  const { wanted, age, isHit } = slot;
  const kept = age <= policy.keepAliveSlots;
  if (wanted) {
    account.forecastCost += policy.price;
    account.forecastWaste += 1;
  } else if (isHit) account.forecastCost += 1;
  if (kept) {
    account.keepAliveCost += policy.price;
    account.keepAliveWaste += 1;
  } else if (isHit) account.keepAliveCost += 1;
  account.isOn = wanted || isHit;
  if (!isHit) return;
  account.forecastCost *= accountKept;
  account.forecastWaste *= accountKept;
  account.keepAliveCost *= accountKept;
  account.keepAliveWaste *= accountKept;
}
