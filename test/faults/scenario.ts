import type { Level, Mix } from './ledger';
import { judge, type Verdict } from './oracle';
import { Stage } from './stage';
import { until } from './until';

/** What a level allows a fault to cost. */
export interface Allowance {
  /** `declared`: only what a gap names. `crash`: what was in memory. @default 'none' */
  readonly loss?: 'none' | 'declared' | 'crash';
  /** Requests of which only the beginning is known. @default false */
  readonly unknown?: boolean;
}

export interface Scenario {
  readonly name: string;
  readonly levels: readonly Level[];
  readonly mix?: Omit<Mix, 'level'>;
  readonly allows?: (level: Level) => Allowance;
  /** Lets the fault happen under load, and ends it: the app lives, and MongoDB can be reached. */
  run(stage: Stage): Promise<void>;
}

/** One line of the table. */
export interface Row extends Verdict {
  readonly fault: string;
  readonly level: Level;
  readonly seconds: number;
  readonly notes: readonly string[];
  /** Promises of the level that were not kept. */
  readonly broken: readonly string[];
}

const SETTLE_MS = 60_000;

async function isIdle(stage: Stage): Promise<boolean> {
  try {
    const { stats } = await stage.app.state();
    return stats.pending === 0 && stats.state === 'healthy';
  } catch {
    return false;
  }
}

/** Judges once all is delivered: what a dead process left may take its time. */
async function settle(stage: Stage, { loss = 'none' }: Allowance): Promise<Verdict> {
  const { level, ledger } = stage;
  const handled = stage.handled();
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const verdict = judge({ level, ledger, handled, stored: await stage.look.read() });
    const isWhole = verdict.lost === 0 && verdict.wrong.length === 0;
    if (isWhole || loss !== 'none' || Date.now() > deadline) return verdict;
    await new Promise((tick) => setTimeout(tick, 500));
  }
}

function breaches(verdict: Verdict, { loss = 'none', unknown = false }: Allowance): string[] {
  const { duplicated, lost, declared, wrong } = verdict;
  const broken = [...wrong];
  if (duplicated > 0) broken.push(`${duplicated} duplicated`);
  if (lost > 0 && loss === 'none') broken.push(`${lost} lost`);
  if (lost > declared && loss === 'declared') broken.push(`${lost} lost, of which gaps name ${declared}`);
  if (verdict.unknown > 0 && !unknown) broken.push(`${verdict.unknown} without their end`);
  return broken;
}

async function conclude(stage: Stage, allowance: Allowance): Promise<Verdict> {
  await stage.stopLoads();
  try {
    await stage.freshEvent();
    await until('the app is healthy, and nothing waits', () => isIdle(stage));
  } catch (error) {
    const { stats } = await stage.app.state().catch(() => ({ stats: null }));
    stage.broken.push(`${(error as Error).message}; stats ${JSON.stringify(stats)}`);
  }
  return settle(stage, allowance);
}

/** Plays a fault at a level, and judges what is left of the trail. */
export async function play(scenario: Scenario, level: Level, scale: number): Promise<Row> {
  const startedAt = Date.now();
  const allowance = scenario.allows?.(level) ?? {};
  const stage = await Stage.create({ level, scale, mix: scenario.mix });
  try {
    await scenario.run(stage);
    const verdict = await conclude(stage, allowance);
    const broken = [...breaches(verdict, allowance), ...stage.broken];
    if (broken.length > 0) stage.notes.push(...stage.apps.map(({ stderr }) => stderr.trim()).filter(Boolean));
    const seconds = Math.round((Date.now() - startedAt) / 1000);
    return { fault: scenario.name, level, seconds, ...verdict, notes: stage.notes, broken };
  } finally {
    await stage.dispose();
  }
}

/** A crash costs what was in memory; what was on a disk may lack its end. */
export function ofCrash(level: Level): Allowance {
  return level === 'memory' ? { loss: 'crash' } : { unknown: true };
}
