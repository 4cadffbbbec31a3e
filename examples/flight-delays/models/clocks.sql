-- What to add to the local time of a zone to get UTC, hour by hour: the clocks change on 1 April, but not in Arizona, Hawaii and most of Indiana.
{{ config(materialized='table') }}
with hours as (
  select unnest(generate_series(timestamp '2000-12-31 00:00', timestamp '2001-07-02 00:00', interval 1 hour)) as local_hour
),
zones as (select distinct timezone from {{ ref('airports') }})
select
  zones.timezone,
  hours.local_hour,
  cast(date_diff('minute', hours.local_hour, timezone('UTC', timezone(zones.timezone, hours.local_hour))) as integer) as minutes_to_utc
from hours cross join zones
