-- Generated from shared/streams.ts by server/db/generate-sql.ts; edit those.
-- One gate a stream: its doorbell's last ring, in units of 5 ms since the epoch.

create sequence if not exists alphapulse_dashboard.gate_funding_rates;
create sequence if not exists alphapulse_dashboard.gate_anomalies;
create sequence if not exists alphapulse_dashboard.gate_performance_metrics;
create sequence if not exists alphapulse_dashboard.gate_signal_predictions;
create sequence if not exists alphapulse_dashboard.gate_system_metrics;
