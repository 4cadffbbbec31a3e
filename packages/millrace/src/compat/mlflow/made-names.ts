import { randomInt } from "node:crypto";

/** Adjectives with which MLflow's own names begin, too: programs tell a made name by them. */
const adjectives = `able bold bright calm capable caring charming clean colorful dapper delicate enchanting fearless flawless fun gentle glamorous
  handsome honorable hilarious industrious judicious kindly languid likeable luminous melodic merciful nimble orderly painted peaceful placid
  polite powerful puzzled rare rebellious resilient respected selective serious shivering silent skillful smiling stately sincere thoughtful
  trusting unique upbeat valuable wise wistful youthful zealous adaptable`.split(/\s+/);
const animals = `ant badger bat bear beaver bee bison boar buffalo camel cat crab crane crow deer dog dolphin donkey dove duck eagle eel elk falcon
  ferret finch fish flea fox frog goat goose grouse gull hare hawk heron horse hound jay koala lamb lark lynx mink mole moose moth mouse mule newt
  otter owl ox panda pig pike pony quail rabbit ram rat raven robin seal shark sheep slug snail sow squid stork swan toad trout turtle wasp whale
  wolf worm wren yak zebra`.split(/\s+/);

/** A name for a run or a model that came without one, such as `calm-otter-42`. */
export function madeName(): string {
  return `${adjectives[randomInt(adjectives.length)]!}-${animals[randomInt(animals.length)]!}-${randomInt(1_000)}`;
}
