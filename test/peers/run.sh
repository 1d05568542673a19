#!/usr/bin/env bash
# Runs bin/peers-scheduler with one of Trimaran's plugins, as `evenkeel up --peer` asks for it: PLUGIN is the first
# argument, the rest comes from the environment. Apart from the plugin the profile is kube-scheduler's own, as
# Trimaran's documentation has it.
set -euo pipefail
: "${KUBECONFIG:?}" "${SCHEDULER_NAME:?}" "${WATCHER_ADDRESS:?}"
plugin=${1:?usage: run.sh TargetLoadPacking|LoadVariationRiskBalancing}
cat > config.yaml <<EOF
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
leaderElection: {leaderElect: false}
clientConnection: {kubeconfig: "$KUBECONFIG", qps: 1000, burst: 2000}
profiles:
- schedulerName: $SCHEDULER_NAME
  plugins:
    multiPoint:
      enabled:
      - {name: $plugin, weight: 5}
      disabled:
      - {name: NodeResourcesBalancedAllocation}
      - {name: NodeResourcesFit}
    preFilter: {enabled: [{name: NodeResourcesFit}]}
    filter: {enabled: [{name: NodeResourcesFit}]}
  pluginConfig:
  - name: $plugin
    args: {watcherAddress: "$WATCHER_ADDRESS"}
EOF
exec "$(dirname "${BASH_SOURCE[0]}")/../../bin/peers-scheduler" --config config.yaml --secure-port 0
