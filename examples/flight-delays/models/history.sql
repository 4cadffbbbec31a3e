-- One row per flight, in UTC, with the moment its outcome becomes known.
-- `date` already contains the delay of the departure, so the landing is the departure plus the time in the air and on the ground.
-- That time is not in the data. It is assumed: half an hour, and the distance at 460 miles an hour.
{{ config(materialized='view') }}
select
  f.flight_id,
  f.origin,
  f.destination,
  cast(f.distance as integer) as distance,
  cast(hour(f.date) as integer) as hour,
  cast(isodow(f.date) as integer) as weekday,
  f.date + to_minutes(c.minutes_to_utc) as departed_at,
  f.date + to_minutes(c.minutes_to_utc + 30 + cast(round(f.distance * 60 / 460) as integer)) as landed_at,
  cast(f.delay as integer) as delay,
  f.delay > 15 as late
from {{ source('raw', 'flights') }} f
join {{ ref('airports') }} o on o.iata = f.origin
join {{ ref('clocks') }} c on c.timezone = o.timezone and c.local_hour = date_trunc('hour', f.date)
