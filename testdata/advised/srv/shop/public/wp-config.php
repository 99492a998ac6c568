<?php
define('DB_NAME', 'shop');
define('DISABLE_WP_CRON', true);
require_once __DIR__ . '/wp-settings.php';
