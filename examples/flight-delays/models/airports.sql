-- Where an airport is and which clock it keeps.
{{ config(
    materialized='table',
    tests={'iata': ['not_null', 'unique'], 'timezone': ['not_null']},
) }}
select a.iata, a.name, a.city, a.state, a.latitude, a.longitude, z.zone as timezone
from {{ source('raw', 'airports') }} a
join {{ source('raw', 'timezones') }} z on z.iata = a.iata
