/** The rows of the five tables as the demo's pipeline writes them. Times are epoch ms. Type aliases, so that a row's cells can be had by name. */

export type FundingRow = {
  readonly timestamp: number;
  readonly symbol: string;
  readonly exchange: string;
  /** A fraction with at most eight decimals; text, so that a recording keeps its digits. */
  readonly funding_rate: string;
  readonly estimated_rate: string | null;
  readonly next_funding_time: number | null;
  readonly metadata: FundingMetadata;
};

/** `open_interest`, `volume` and `mark_price` are polled with the first exchange's rate alone. */
export interface FundingMetadata {
  readonly interval_hours: number;
  readonly mark_price?: number;
  readonly open_interest?: number;
  readonly volume?: number;
  /** Where the row comes from a recording: the time it has there. */
  readonly recorded_at?: string;
}

export type AnomalyRow = {
  readonly timestamp: number;
  readonly symbol: string;
  readonly data_type: string;
  readonly value: number;
  readonly z_score: number;
  readonly threshold: number;
  readonly metadata: {
    readonly exchange: string;
    readonly mean: number;
    readonly deviation: number;
    readonly samples: number;
  };
};

export type PerformanceRow = {
  readonly timestamp: number;
  readonly symbol: string;
  readonly strategy_id: string;
  readonly pnl: number;
  readonly win_rate: number;
  readonly drawdown: number;
  readonly execution_time: number;
  readonly trade_count: number;
  readonly avg_position_size: number;
  readonly max_position_size: number;
  readonly metadata: { readonly side: 'long' | 'short'; readonly entry_price: number; readonly exit_price: number };
};

export type PredictionRow = {
  readonly timestamp: number;
  readonly symbol: string;
  readonly signal_type: string;
  readonly confidence: number;
  readonly predicted_pnl: number | null;
  readonly features: Readonly<Record<string, number>>;
  readonly metadata: {
    readonly side: 'long' | 'short';
    readonly entry_price: number;
    readonly horizon_seconds: number;
    /** In the quote currency; 0 where nobody trades on the prediction. */
    readonly position_size: number;
  };
};

export type SystemMetricRow = {
  readonly timestamp: number;
  readonly metric_name: string;
  readonly metric_value: number;
  readonly metric_unit: string | null;
  readonly metadata: { readonly simulated: boolean };
};

/** Rows for all tables, each list in the order of time. */
export interface Batch {
  readonly funding_rates: FundingRow[];
  readonly anomalies: AnomalyRow[];
  readonly performance_metrics: PerformanceRow[];
  readonly signal_predictions: PredictionRow[];
  readonly system_metrics: SystemMetricRow[];
}

/** A batch without rows. */
export function emptyBatch(): Batch {
  return { funding_rates: [], anomalies: [], performance_metrics: [], signal_predictions: [], system_metrics: [] };
}
