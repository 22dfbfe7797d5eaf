/**
 * Whether an instance waits in the next slot: while the probability of a call is worth its price. The price
 * is the cost of a warm slot as a share of the cost of a cold start. An instance that is on is not dropped
 * for a short pause, since to load it again costs too. Two accounts say how far the forecast is let: what it
 * would have cost on this function's own calls beside the fixed keep-alive, and how long its instances waited.
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

/** Of the latest calls, damped; costs in cold starts, waste in slots. */
export interface WarmAccount {
  isOn: boolean;
  /** Of the forecast, had it been followed freely. */
  forecastCost: number;
  /** Of what was planned. */
  forecastWaste: number;
  keepAliveCost: number;
  keepAliveWaste: number;
}

/** What lies ahead of the slot decided on. */
export interface Ahead {
  /** The probability of a call so many slots further on, if none comes before. */
  probability(slots: number): number;
}

/**
 * How far the forecast is let. `follow`: it loads ahead of a call. `stay`: what a call left waits while that is
 * worth its price. `keep`: the same, but as long as the keep-alive in any case.
 */
export type Stance = "follow" | "stay" | "keep";

/** Share of an account that still counts one call later. */
const accountKept = 0.97;
/** The forecast is let if it costs less than this share of the keep-alive, both taken to have cost so much before. */
const cheaperShare = 0.95;
const costPrior = 1;

/** An instance that only its function's rate keeps waits no longer than so many keep-alives. */
const stayKeepAlivesMax = 6;

export function createAccount(): WarmAccount {
  return { isOn: false, forecastCost: 0, forecastWaste: 0, keepAliveCost: 0, keepAliveWaste: 0 };
}

/** Whether the forecast, followed freely, has cost less than the fixed keep-alive on the same calls. */
export function isCheaper({ forecastCost, keepAliveCost }: Readonly<WarmAccount>): boolean {
  return forecastCost + costPrior < cheaperShare * (keepAliveCost + costPrior);
}

/** Slots that an instance may wait after the newest call. */
export function allowedSlots(account: Readonly<WarmAccount>, policy: WarmPolicy): number {
  const { forecastWaste, keepAliveWaste } = account;
  return (keepAliveWaste + policy.keepAliveSlots) * policy.wasteFactorMax - forecastWaste;
}

/** The slots after one call, decided one after the other: it was on when the call came. */
export class WarmRun {
  readonly #stance: Stance;
  readonly #policy: WarmPolicy;
  #left: number;
  #age = 0;
  #isOn = true;
  #isOver = false;

  /** @param allowed see `allowedSlots` */
  constructor(stance: Stance, policy: WarmPolicy, allowed: number) {
    this.#stance = stance;
    this.#policy = policy;
    this.#left = allowed;
  }

  /** Nothing that comes is waited for. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether an instance waits in the slot decided on last. */
  get isOn(): boolean {
    return this.#isOn;
  }

  /** So many slots pass for which nothing waits, since none of them is due. */
  skip(slots: number): void {
    this.#age += slots;
  }

  /** Whether an instance waits in the next slot. */
  next(ahead: Ahead): boolean {
    this.#age += 1;
    this.#isOn = !this.#isOver && this.#wants(ahead) && this.#left >= 1;
    if (this.#isOn) this.#left -= 1;
    else this.#isOver = this.#stance !== "follow" || this.#left < 1;
    return this.#isOn;
  }

  #wants(ahead: Ahead): boolean {
    const { price, stayShare, bridgeSlots, keepAliveSlots } = this.#policy;
    if (this.#stance === "keep" && this.#age <= keepAliveSlots) return true;
    if (this.#stance !== "follow" && this.#age > keepAliveSlots * stayKeepAlivesMax) return false;
    if (!this.#isOn) return ahead.probability(0) > price;
    if (ahead.probability(0) > price * stayShare) return true;
    for (let slots = 1; slots <= bridgeSlots; slots += 1)
      if (ahead.probability(slots) > price) return true;
    return false;
  }
}

/** The slot has passed: what was planned, what the forecast wanted, and how long after the newest call it was. */
export function settleWarm(
  account: WarmAccount,
  policy: WarmPolicy,
  slot: {
    readonly isPlanned: boolean;
    readonly isWanted: boolean;
    readonly age: number;
    readonly isHit: boolean;
  },
): void {
  const { isPlanned, isWanted, age, isHit } = slot;
  const isKept = age <= policy.keepAliveSlots;
  account.forecastCost += isWanted ? policy.price : isHit ? 1 : 0;
  account.keepAliveCost += isKept ? policy.price : isHit ? 1 : 0;
  if (isPlanned) account.forecastWaste += 1;
  if (isKept) account.keepAliveWaste += 1;
  account.isOn = isPlanned || isHit;
  if (!isHit) return;
  account.forecastCost *= accountKept;
  account.forecastWaste *= accountKept;
  account.keepAliveCost *= accountKept;
  account.keepAliveWaste *= accountKept;
}
