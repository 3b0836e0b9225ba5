-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- One gate a stream: the epoch milliseconds of its doorbell's last ring.

create sequence if not exists alphapulse_dashboard.gate_funding_rates;
create sequence if not exists alphapulse_dashboard.gate_anomalies;
create sequence if not exists alphapulse_dashboard.gate_performance_metrics;
create sequence if not exists alphapulse_dashboard.gate_signal_predictions;
create sequence if not exists alphapulse_dashboard.gate_system_metrics;
