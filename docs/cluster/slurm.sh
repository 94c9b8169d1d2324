#!/bin/bash
# One night on Slurm: sbatch slurm.sh
# The project, its environment (.venv) and its models are on a file system that all nodes mount.
#SBATCH --job-name=trueup
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=16
#SBATCH --gpus-per-node=4
#SBATCH --time=08:00:00
#SBATCH --requeue
set -euo pipefail

cd "$SLURM_SUBMIT_DIR"
source .venv/bin/activate
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
port=$((20000 + SLURM_JOB_ID % 10000))
export RAY_ADDRESS="$head:$port"

# Ray on each node, in the background of this job: it ends with the job.
srun --nodes=1 --ntasks=1 --nodelist="$head" --overlap \
  ray start --head --node-ip-address="$head" --port="$port" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
if [ "$SLURM_JOB_NUM_NODES" -gt 1 ]; then
  srun --nodes=$((SLURM_JOB_NUM_NODES - 1)) --ntasks=$((SLURM_JOB_NUM_NODES - 1)) --exclude="$head" --overlap \
    ray start --address="$RAY_ADDRESS" --num-cpus="$SLURM_CPUS_PER_TASK" --block &
fi

# Wait until all nodes have joined, then run. The exit code is that of the night.
alive() { python -c 'import ray; ray.init(address="auto", log_to_driver=False); print(sum(n["Alive"] for n in ray.nodes()))'; }
until [ "$(alive 2>/dev/null || echo 0)" = "$SLURM_JOB_NUM_NODES" ]; do
  sleep 2
done
trueup run
