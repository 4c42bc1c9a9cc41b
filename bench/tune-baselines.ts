/**
 * Tunes the baselines of shipped app models anew and writes policies/hpa/tuned/<app>.json. Needed after an app model, the
 * simulated HPA or the workload families have changed; one to two minutes an application.
 *
 *   npx tsx bench/tune-baselines.ts frontend teastore boutique boutique-moving
 */
import { loadApp } from '../env/apps/load-app.ts';
import { saveTuned } from '../policies/hpa/tuned.ts';
import { tuningTraces } from '../training/trace-sets.ts';
import { tuneBaselines } from '../training/tune.ts';

for (const name of process.argv.slice(2)) {
  const app = await loadApp(name);
  const tuned = await tuneBaselines(app, tuningTraces({ app, perFamily: 4 }), console.log);
  console.log(saveTuned(tuned));
}
