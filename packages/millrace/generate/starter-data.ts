/**
 * The data of the starter project: an invented subscription service, 18 months of it. Nothing in it was measured; the same
 * numbers come out of every run. What is built in, so that there is something to find:
 *
 * - Whoever wants to leave cancels within five days of a bill.
 * - Customers lose interest one day. From then on they use the service less each month, and more and more of them leave.
 * - Tickets and failed payments make leaving likelier; so does the first quarter.
 * - In each region the mood changes from month to month, for all its customers alike.
 * - From October 2025 a competitor wins over part of the north: what was learnt before becomes less true.
 */
export interface StarterData {
  /** customer_id, signed_up_at, plan, channel, region */
  customers: string;
  /** bill_id, customer_id, billed_at, minutes, visits, tickets, payment_failed; in the order of billed_at */
  bills: string;
  /** customer_id, cancelled_at; in the order of cancelled_at */
  cancellations: string;
}

const dayMs = 86_400_000;
const monthMs = 30 * dayMs;
const beginMs = Date.UTC(2024, 6, 1);
const endMs = Date.UTC(2026, 0, 1);
const competitorMs = Date.UTC(2025, 9, 1);
const customerCount = 5_200;
const regions = ["north", "south", "east", "west", "islands"] as const;

interface Customer {
  id: number;
  signedUpMs: number;
  plan: "basic" | "standard" | "family";
  channel: "search" | "ads" | "friend";
  region: (typeof regions)[number];
}

interface Bill {
  customer: number;
  atMs: number;
  minutes: number;
  visits: number;
  tickets: number;
  paymentFailed: boolean;
}

/** Plays the service from July 2024 to the end of 2025. */
export function starterData(seed = 20_240_701): StarterData {
  const random = generator(seed);
  const mood = regionMoods(random);
  const customers: Customer[] = [];
  const bills: Bill[] = [];
  const cancellations: { customer: number; atMs: number }[] = [];
  for (let id = 1; id <= customerCount; id++) {
    const customer = newCustomer(id, random);
    customers.push(customer);
    const cancelledMs = playCustomer(customer, mood, random, bills);
    if (cancelledMs !== undefined) cancellations.push({ customer: id, atMs: cancelledMs });
  }
  bills.sort((a, b) => a.atMs - b.atMs || a.customer - b.customer);
  cancellations.sort((a, b) => a.atMs - b.atMs || a.customer - b.customer);
  return {
    customers: csv(
      "customer_id,signed_up_at,plan,channel,region",
      customers.map(({ id, signedUpMs, plan, channel, region }) => [id, instant(signedUpMs), plan, channel, region]),
    ),
    bills: csv(
      "bill_id,customer_id,billed_at,minutes,visits,tickets,payment_failed",
      bills.map((bill, i) => [i + 1, bill.customer, instant(bill.atMs), bill.minutes, bill.visits, bill.tickets, bill.paymentFailed]),
    ),
    cancellations: csv(
      "customer_id,cancelled_at",
      cancellations.map(({ customer, atMs }) => [customer, instant(atMs)]),
    ),
  };
}

function newCustomer(id: number, random: Random): Customer {
  const old = random.uniform() < 0.4; // there before the data begin
  const signedUpMs = old ? beginMs - random.uniform() * 500 * dayMs : beginMs + random.uniform() * (endMs - beginMs - 2 * monthMs);
  return {
    id,
    signedUpMs: Math.floor(signedUpMs / 60_000) * 60_000,
    plan: random.pick(["basic", "standard", "family"], [0.5, 0.35, 0.15]),
    channel: random.pick(["search", "ads", "friend"], [0.45, 0.35, 0.2]),
    region: random.pick(regions, [0.3, 0.25, 0.2, 0.18, 0.07]),
  };
}

/** Adds the customer's bills, one every 30 days from the sign-up on, and gives the moment of leaving. */
function playCustomer(customer: Customer, mood: (region: string, atMs: number) => number, random: Random, bills: Bill[]): number | undefined {
  const habit = Math.exp(random.normal() * 0.6 + { basic: 5.6, standard: 6.1, family: 6.5 }[customer.plan]);
  const firstMonth = Math.max(1, Math.ceil((beginMs - customer.signedUpMs) / monthMs));
  let interest = 1;
  let losing = false;
  let grudge = 0;
  for (let month = firstMonth; customer.signedUpMs + month * monthMs < endMs; month++) {
    const atMs = customer.signedUpMs + month * monthMs;
    losing ||= random.uniform() < 0.05;
    interest = losing ? interest * (0.45 + 0.3 * random.uniform()) : Math.min(1, interest * 1.05);
    const minutes = Math.round(habit * interest * Math.exp(random.normal() * 0.25));
    const tickets = random.poisson(0.12 + Math.max(0, mood(customer.region, atMs)) * 0.25);
    const paymentFailed = random.uniform() < { search: 0.03, ads: 0.06, friend: 0.015 }[customer.channel];
    bills.push({ customer: customer.id, atMs, minutes, visits: random.poisson(1 + minutes / 35), tickets, paymentFailed });
    grudge = 0.6 * grudge + tickets; // a ticket is not forgotten in a month
    const pull = customer.region === "north" && atMs >= competitorMs ? 1.3 : 0;
    const logit =
      -4.6 +
      3.4 * (1 - interest) +
      0.7 * Math.min(grudge, 3) +
      1.5 * Number(paymentFailed) +
      (month <= 3 ? 0.6 : 0) +
      { basic: 0.2, standard: 0, family: -0.4 }[customer.plan] +
      { search: 0, ads: 0.25, friend: -0.5 }[customer.channel] +
      0.9 * mood(customer.region, atMs) +
      pull;
    if (random.uniform() < 1 / (1 + Math.exp(-logit))) {
      const leavesMs = atMs + 3_600_000 + random.uniform() * 4.9 * dayMs;
      return leavesMs < endMs ? Math.floor(leavesMs / 60_000) * 60_000 : undefined;
    }
  }
  return undefined;
}

/** How discontented a region is at a time: a slow random walk around zero, one step a month. */
function regionMoods(random: Random): (region: string, atMs: number) => number {
  const months = Math.ceil((endMs - beginMs) / monthMs) + 1;
  const walks = new Map<string, number[]>(
    regions.map((region) => {
      const walk = [random.normal() * 0.5];
      while (walk.length < months) walk.push(0.7 * walk.at(-1)! + 0.5 * random.normal());
      return [region, walk];
    }),
  );
  return (region, atMs) => walks.get(region)![Math.max(0, Math.floor((atMs - beginMs) / monthMs))]!;
}

interface Random {
  /** In [0, 1). */
  uniform(): number;
  normal(): number;
  poisson(mean: number): number;
  pick<const Value>(values: readonly Value[], weights: number[]): Value;
}

/** Mulberry32: small, the same everywhere, and good enough for play. */
function generator(seed: number): Random {
  let state = seed >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  return {
    uniform,
    normal,
    poisson(mean) {
      if (mean > 30) return Math.max(0, Math.round(mean + Math.sqrt(mean) * normal()));
      let count = 0;
      for (let product = uniform(); product > Math.exp(-mean); product *= uniform()) count++;
      return count;
    },
    pick(values, weights) {
      let left = uniform() * weights.reduce((sum, weight) => sum + weight, 0);
      const at = weights.findIndex((weight) => (left -= weight) < 0);
      return values[at < 0 ? values.length - 1 : at]!;
    },
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace("T", " ");
}

function csv(head: string, rows: (string | number | boolean)[][]): string {
  return `${head}\n${rows.map((row) => row.join(",")).join("\n")}\n`;
}
