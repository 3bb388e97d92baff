// What `pointsman dashboards` and `pointsman rules` have made, as a mixin for those who deploy by jsonnet.
{
  grafanaDashboards+:: {
    'pointsman-overview.json': std.parseJson(importstr 'grafana/pointsman-overview.json'),
    'pointsman-channel.json': std.parseJson(importstr 'grafana/pointsman-channel.json'),
    'pointsman-node.json': std.parseJson(importstr 'grafana/pointsman-node.json'),
    'pointsman-business.json': std.parseJson(importstr 'grafana/pointsman-business.json'),
    'pointsman-filter.json': std.parseJson(importstr 'grafana/pointsman-filter.json'),
  },
  // Alerts and recording rules stand in the same groups.
  prometheusRules+:: { groups+: std.parseYaml(importstr 'plain/pointsman-rules.yml').groups },
  prometheusAlerts+:: {},
}
