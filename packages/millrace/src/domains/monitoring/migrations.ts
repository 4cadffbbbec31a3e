import type { Migration } from "#ports/database";

export const monitoringMigrations: Migration[] = [
  {
    id: "monitoring-001-days",
    statements: [
      // One row for each closing; the newest is where the monitor goes on after a restart.
      `create table monitoring_close (
        endpoint text not null, day_end_ms bigint not null, serving_version bigint, predictions bigint not null, outcomes bigint not null,
        labelled bigint not null, duplicates bigint not null, without_prediction bigint not null, without_label bigint not null,
        unlabelled bigint not null, late bigint not null, table_version bigint, checkpoint text not null, closed_ms bigint not null,
        primary key (endpoint, day_end_ms)
      )`,
      `create table monitoring_day (
        endpoint text not null, day_ms bigint not null, version bigint not null, role text not null, predictions bigint not null,
        labelled bigint not null, positives bigint not null, mature integer not null, mean_score double precision, base_rate double precision,
        auc double precision, auc_standard_error double precision, log_loss double precision, calibration double precision,
        histogram text, updated_ms bigint not null, primary key (endpoint, day_ms, version, role)
      )`,
      // The profile counts over the cells of the version's training profile, whose edges it leaves out.
      `create table monitoring_drift (
        endpoint text not null, day_ms bigint not null, version bigint not null, input_rows bigint not null, features text not null,
        quality text not null, profile text not null, primary key (endpoint, day_ms, version)
      )`,
    ],
  },
];
