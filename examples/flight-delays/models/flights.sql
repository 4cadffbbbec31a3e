-- All flights whose outcome is known: those of the files, and those that have landed since.
{{ config(
    materialized='incremental',
    unique_key='flight_id',
    tests={
      'flight_id': ['not_null', 'unique'],
      'origin': ['not_null', {'relationships': {'to': ref('airports'), 'field': 'iata'}}],
      'destination': [{'relationships': {'to': ref('airports'), 'field': 'iata'}}],
      'weekday': [{'accepted_values': {'values': [1, 2, 3, 4, 5, 6, 7]}}],
      'departed_at': ['not_null'],
      'landed_at': ['not_null'],
      'delay': ['not_null'],
    },
) }}
with known as (
  select * from {{ ref('history') }}
  union all by name
  select * from {{ source('raw', 'arrivals') }}
)
select * from known
{% if is_incremental() %}
where landed_at >= (select max(landed_at) from {{ this }})
{% endif %}
order by landed_at
